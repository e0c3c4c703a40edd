#pragma once
// Children that are processes: each is the helper program `obedient`.

#include <processes/world.hpp>
#include <support/obedient_process.hpp>
#include <support/supervised.hpp>

namespace test {

class processes final : public supervised_world {
public:
  explicit processes(mailroom::config settings = {}) : sys_{completed(std::move(settings))} {
    std::filesystem::create_directory(files_);
  }
  ~processes() override {
    for (auto& each : {"a", "b", "c", "w-1", "w-3"})
      release(each);
  }

  mailroom::system& sys() override { return sys_; }

  mailroom::child_spec make_child(const std::string& id) override {
    return mailroom::process_child(id, {.program = programs / "obedient", .arguments = {files_.string()}});
  }

  void tell(const std::string& path, const std::string& what) override {
    auto mailbox = path.substr(path.rfind('/') + 1) + "/child";
    static_cast<void>(sys_.wait_for(mailbox, 10s)); // a process is up a moment before its mailboxes are
    static_cast<void>(sys_.send(mailbox, command{what}));
  }
  void fail_starts(const std::string& id, int times) override { told_.number("fail-" + id, times); }
  void hold_starts(const std::string& id) override { told_.set("hold-start-" + id); }
  void hold_ends(const std::string& id) override { told_.set("hold-end-" + id); }
  void release(const std::string& id) override {
    told_.clear("hold-start-" + id);
    told_.clear("hold-end-" + id);
  }
  std::vector<std::string> events() override {
    auto all = told_.events();
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(forgotten_, all.size())));
    return all;
  }
  void forget_events() override { forgotten_ = told_.events().size(); }

  const log_lines& lines() const { return lines_; }
  const told_by_files& told() const { return told_; }
  const std::filesystem::path& files() const { return files_; }

private:
  mailroom::config completed(mailroom::config settings) {
    settings.process = "bank";
    settings.directory = directory_.path();
    settings.log = lines_.callback();
    return settings;
  }

  temporary_directory directory_;
  std::filesystem::path files_ = directory_.path() / "files";
  told_by_files told_{files_};
  std::size_t forgotten_ = 0;
  log_lines lines_;
  mailroom::system sys_;
};

} // namespace test
