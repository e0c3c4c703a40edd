#pragma once
// What a supervisor's driver and the factories of another process say to each other. The driver's actor, which sends them, is the child's owner: when it is
// gone, so is the child.

#include <mailroom/actors/restart_policy.hpp>
#include <mailroom/runtime/message.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mailroom::factory_messages {

/// The mailbox, in every process that offers something.
inline constexpr std::string_view mailbox = "mailroom/factories";

/// Make a child. Answered by `made` when it is up, or with the reason. Where the same supervisor has a child in that mailbox, that one is stopped
/// first.
struct make {
  std::string factory;
  std::string mailbox;    ///< the child's: "root/cache"
  std::string supervisor; ///< whose child it is: "bank/root"
  std::uint64_t life = 0; ///< of the owner's choice
  std::vector<std::byte> arguments;
  template <class Archive> void serialize(Archive& ar) {
    ar(CEREAL_NVP(factory), CEREAL_NVP(mailbox), CEREAL_NVP(supervisor), CEREAL_NVP(life), CEREAL_NVP(arguments));
  }
};

struct made {
  std::string address; ///< "worker-1/root/cache"
  bool is_supervisor = false;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(address), CEREAL_NVP(is_supervisor)); }
};

/// Let a child end: ask it, or kill it. By its owner, who is answered with `gone`, or with `no_such_mailbox` where he has no such child.
struct stop {
  std::string mailbox;
  std::uint64_t life = 0;
  bool kill = false;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(mailbox), CEREAL_NVP(life), CEREAL_NVP(kill)); }
};

/// Tell of a child's end: answered with `gone` when it comes. By its owner, together with `make`; where there is no such child, `no_such_mailbox`.
struct watch {
  std::string mailbox;
  std::uint64_t life = 0;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(mailbox), CEREAL_NVP(life)); }
};

/// A child has ended.
struct gone {
  std::uint64_t life = 0;
  ending how = ending::as_it_should;
  errc code = errc::remote_error; ///< with the next two: why, unless it ended as it should
  std::string subject{};
  std::string cause{};
  template <class Archive> void serialize(Archive& ar) {
    ar(CEREAL_NVP(life), CEREAL_NVP(how), CEREAL_NVP(code), CEREAL_NVP(subject), CEREAL_NVP(cause));
  }
};

} // namespace mailroom::factory_messages

MAILROOM_CLOSED_ENUM(mailroom::ending, as_it_should, not_started)
MAILROOM_CLOSED_ENUM(mailroom::errc, invalid_address, shutting_down)
MAILROOM_EXTERN_MESSAGE(mailroom::factory_messages::make, "mailroom.factory.make")
MAILROOM_EXTERN_MESSAGE(mailroom::factory_messages::made, "mailroom.factory.made")
MAILROOM_EXTERN_MESSAGE(mailroom::factory_messages::stop, "mailroom.factory.stop")
MAILROOM_EXTERN_MESSAGE(mailroom::factory_messages::watch, "mailroom.factory.watch")
MAILROOM_EXTERN_MESSAGE(mailroom::factory_messages::gone, "mailroom.factory.gone")
