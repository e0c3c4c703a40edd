#pragma once
// The figures for people, as a table, and for programs, as JSON.

#include "crowd.hpp"
#include "machine.hpp"
#include "restarts.hpp"
#include "results.hpp"

#include <optional>
#include <string>
#include <vector>

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

/// What is measured beside the rows.
struct others {
  std::vector<crowd_point> crowds;
  std::optional<idle_figure> idle;
  std::vector<restart_figure> restarts;

  bool all_right() const;
};

std::string write_others(const others& all);

std::string write_json(const conditions& how, const results& all, const others& more);

} // namespace bench
