#include <mailroom/runtime/delivery.hpp>

#include <mailroom/runtime/codec.hpp>

namespace mailroom {

namespace {

/// The memory of elements that are gone, for those to come: at most as many as are in flight within a round of reading.
class spare_elements {
public:
  static constexpr std::size_t most = 256;

  ~spare_elements() {
    gone = true;
    for (auto* each : spare_)
      ::operator delete(each);
  }

  void* take() noexcept {
    if (spare_.empty())
      return nullptr;
    auto* result = spare_.back();
    spare_.pop_back();
    return result;
  }

  bool keep(void* memory) noexcept {
    if (spare_.size() >= most)
      return false;
    if (spare_.capacity() == 0)
      spare_.reserve(most);
    spare_.push_back(memory);
    return true;
  }

  static thread_local bool gone; ///< the thread is ending, and its list with it

private:
  std::vector<void*> spare_;
};

thread_local bool spare_elements::gone = false;
thread_local spare_elements spare;

} // namespace

void* delivery::operator new(std::size_t size) {
  auto* kept = spare_elements::gone ? nullptr : spare.take();
  return kept != nullptr ? kept : ::operator new(size);
}

void delivery::operator delete(void* memory) noexcept {
  if (spare_elements::gone || !spare.keep(memory))
    ::operator delete(memory);
}

void deliver(core& where, local_mailbox_ptr to, caf::strong_actor_ptr sender, caf::message_id id, caf::message what,
             std::optional<request_origin> origin, caf::execution_unit* unit) {
  caf::strong_actor_ptr open;
  if (origin)
    open = open_request::make(where.actors(), where.process().str() + "/" + to->label, to->actor, *std::move(origin));
  auto target = to->actor;
  caf::mailbox_element_ptr element{
    new delivery{where, std::move(to), std::move(sender), id, std::move(what), std::move(open)}};
  target->enqueue(std::move(element), unit);
}

delivery::delivery(core& where, local_mailbox_ptr to, caf::strong_actor_ptr from, caf::message_id id, caf::message what,
                   caf::strong_actor_ptr open)
  : caf::mailbox_element{std::move(from), id, {}},
    core_{where.shared_from_this()},
    to_{std::move(to)},
    what_{std::move(what)},
    open_{open ? static_cast<open_request*>(open->get()) : nullptr},
    is_request_{id.is_request()} {
  if (open)
    stages.push_back(std::move(open));
  if (what_.vals() == nullptr)
    what_ = caf::message_builder{}.to_message(); // CAF asks even an empty message for its values
}

delivery::~delivery() {
  if (touched_ && !unexpected_) {
    ++core_->count().handled;
    return;
  }
  if (is_request_) {
    ++core_->count().rejected;
    if (!touched_ && open_ != nullptr && !stages.empty())
      open_->if_dropped({core_->stopping() ? errc::shutting_down : errc::no_such_mailbox, address(),
                         "no such mailbox: it ended before it handled the request"});
    return;
  }
  if (unexpected_)
    core_->bury(address(), codec::describe(what_), {errc::unexpected_message, address()});
  else
    core_->bury(address(), codec::describe(what_),
                {errc::no_such_mailbox, address(), "no such mailbox: it ended before it handled the message"});
}

std::string delivery::address() const {
  return core_->process().str() + "/" + to_->label;
}

caf::type_erased_tuple& delivery::content() {
  touched_ = true;
  return what_;
}

const caf::type_erased_tuple& delivery::content() const {
  touched_ = true;
  return what_;
}

caf::message delivery::move_content_to_message() {
  touched_ = true;
  return unexpected_ ? what_ : std::move(what_);
}

caf::message delivery::copy_content_to_message() const {
  touched_ = true;
  return what_;
}

void delivery::unexpected() {
  unexpected_ = true;
}

} // namespace mailroom
