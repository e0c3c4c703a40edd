#pragma once
// The figures for people, as a table, and for programs, as JSON.

#include "machine.hpp"
#include "results.hpp"

#include <string>

namespace bench {

/// How it was measured.
struct conditions {
  machine where;
  std::size_t laps = 0;
  double seconds = 0; ///< a lap
  bool quick = false; ///< a smoke test: too short to mean anything
};

/// What stands above the tables.
std::string write_header(const conditions& how);

/// The unpinned rows, then the pinned ones, then the targets.
std::string write_tables(const results& all);
std::string write_targets(const results& all);

std::string write_json(const conditions& how, const results& all);

} // namespace bench
