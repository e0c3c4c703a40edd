#pragma once
// What a plug-in is to its host: a function from text to text, in a process of its own, so that whatever it does to itself stays there.

#include <mailroom/message.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace plugin_host {

/// What the host sends.
struct input {
  std::string text;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(text)); }
};

struct plug_in {
  std::string_view name;
  std::string_view vice; ///< what it does on the wrong input
  std::function<std::string(const std::string&)> handle;
};

/// "reverse", which is well-behaved, "crash", "hang" and "eat".
const std::vector<plug_in>& plug_ins();

/// Null where there is none of the name.
const plug_in* find_plug_in(std::string_view name);

} // namespace plugin_host

MAILROOM_MESSAGE(plugin_host::input, "plugin_host.input")
