#include <mailroom/message.hpp>

namespace bank {
struct deposit {
  std::string account;
  std::int64_t cents = 0;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(account), CEREAL_NVP(cents)); }
};
struct balance {
  std::int64_t cents = 0;
  template <class Archive> void serialize(Archive& ar) { ar(CEREAL_NVP(cents)); }
};
} // namespace bank

MAILROOM_MESSAGE(bank::deposit, "bank.deposit") // the stable name on the wire; nothing else to register
MAILROOM_MESSAGE(bank::balance, "bank.balance")
