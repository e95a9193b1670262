// The story of one incident, told by what happens: every line is an answer of the control API, a
// count at the clients, or the output of somebody else's program.
#pragma once

#include "cli/internal/demo_control.h"
#include "cli/internal/demo_stage.h"
#include "cli/internal/demo_traffic.h"
#include "cli/internal/session.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cordon::cli::internal {

/// One run. Loop thread only. A claim that does not hold ends it with exit code 1.
class DemoStory {
 public:
  /// `interrupted` may become true at any time: the story then ends within a second.
  DemoStory(Session& session, const DemoOptions& options, DemoStage& stage, net::Scope& scope,
            const std::atomic<bool>& interrupted);

  /// Plays it. `leaks` are the harmful texts: the first vendor says them, or the clients do.
  [[nodiscard]] net::Task<Done> play(std::vector<std::string> leaks);
  /// Ends the clients, for when the story ended early.
  void stop_traffic() noexcept;
  [[nodiscard]] std::size_t clients() const noexcept { return traffic_ ? traffic_->clients() : 0; }
  [[nodiscard]] const codec::Json& summary() const noexcept { return summary_; }

 private:
  using Seen = std::function<bool(const Sent&)>;

  // The acts, in order.
  [[nodiscard]] net::Task<Done> open(std::vector<std::string> leaks);
  [[nodiscard]] net::Task<Done> mint(std::string person, codec::Json roles, std::string& token);
  [[nodiscard]] net::Task<Done> relax();
  [[nodiscard]] net::Task<Done> calm();
  [[nodiscard]] net::Task<Done> leak_and_notice();
  [[nodiscard]] net::Task<Done> explain();
  [[nodiscard]] net::Task<Done> take_command();
  [[nodiscard]] net::Task<Done> declare_test();
  [[nodiscard]] net::Task<Done> contain();
  [[nodiscard]] net::Task<Done> cut();
  [[nodiscard]] net::Task<Done> check_cut(MonoTime sent, MonoTime acked);
  [[nodiscard]] net::Task<Done> crash();
  [[nodiscard]] net::Task<Done> refuse_alone();
  [[nodiscard]] net::Task<Done> judge();
  [[nodiscard]] net::Task<Done> wait_validated();
  [[nodiscard]] net::Task<Done> tell_everybody();
  [[nodiscard]] net::Task<Done> find_customer_draft();
  [[nodiscard]] net::Task<Done> tell(std::string audience);
  [[nodiscard]] net::Task<Done> refuse_to_close();
  [[nodiscard]] net::Task<Done> make_a_test();
  [[nodiscard]] net::Task<Done> promote();
  [[nodiscard]] net::Task<Done> follow_through();
  [[nodiscard]] net::Task<Done> review();
  [[nodiscard]] net::Task<Done> freeze();
  [[nodiscard]] net::Task<Done> verify(std::filesystem::path bag);
  [[nodiscard]] net::Task<Done> close();
  [[nodiscard]] net::Task<Done> report();
  [[nodiscard]] net::Task<Done> end_quietly();
  [[nodiscard]] net::Task<Done> nothing_happens();

  // What they are made from.
  [[nodiscard]] net::Task<Answer<codec::Json>> get(std::string target);
  [[nodiscard]] net::Task<Answer<codec::Json>> post(std::string target, codec::Json body);
  [[nodiscard]] net::Task<Answer<std::string>> rules_now();
  [[nodiscard]] net::Task<Done> measure(std::string kind, std::string target, codec::Json body);
  [[nodiscard]] net::Task<Done> move(std::string to, std::string reason);
  [[nodiscard]] net::Task<Done> run_program(std::vector<std::string> words,
                                            std::filesystem::path directory);
  [[nodiscard]] net::Task<Answer<std::uint64_t>> completions_of(std::string vendor);
  /// Suspends; fails once interrupted, or when the node has died by itself.
  [[nodiscard]] net::Task<Done> pause(std::chrono::milliseconds duration);
  void say(std::string_view text);
  [[nodiscard]] Done claim(bool held, const std::string& what);
  [[nodiscard]] std::size_t count(const Seen& seen) const;
  [[nodiscard]] std::map<std::string, std::size_t> reasons_of_failures() const;
  [[nodiscard]] MonoTime now() const noexcept;
  [[nodiscard]] std::string incident_path(std::string_view part) const;

  Session& session_;
  const DemoOptions& options_;
  const DemoPlan& plan_;
  DemoStage& stage_;
  net::Scope& scope_;
  const std::atomic<bool>& interrupted_;
  std::optional<DemoControl> control_;
  std::optional<Traffic> traffic_;
  MonoTime begun_;
  codec::Json summary_;
  std::string anna_;  ///< tokens
  std::string ben_;
  std::string vkey_;
  std::string incident_;
  std::string switch_;
  std::string replay_;
  std::string rules_before_;  ///< the rulepack of the plan, before the release
  std::vector<std::string> attacks_;
  MonoTime contained_at_{};
  std::uint64_t large_at_cut_ = 0;
  std::optional<WallTime> leak_began_;
};

}  // namespace cordon::cli::internal
