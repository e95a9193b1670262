#include "cli/internal/demo_story.h"
#include "sim/provider.h"

#include <csignal>

namespace cordon::cli::internal {
namespace {

constexpr std::size_t kLeaksBytesMax = std::size_t{64} << 20U;
constexpr std::uint64_t kSeedBelow = 1'000'000;

std::atomic<bool> interrupted{false};

void interrupt(int) {
  interrupted = true;
}

Answer<DemoOptions> read_options(Session& session, const Values& values) {
  DemoOptions options;
  options.out = values.text_or("out", "demo-out");
  options.executable = session.environment().executable;
  options.leak = !values.flag("no-leak");
  CORDON_TRY(options.seed, values.number_or("seed", session.environment().random.below(kSeedBelow),
                                            0, std::uint64_t{1} << 62U));
  if (const auto file = values.optional("leaks")) options.leaks = *file;
  if (const auto word = values.optional("class")) {
    CORDON_TRY(options.of_class, model::parse_incident_class(*word));
  }
  return options;
}

/// The texts that will leak: from the file, or made from the seed.
Answer<std::vector<std::string>> read_leaks(const DemoOptions& options) {
  constexpr std::size_t kLeaksMade = 256;
  if (options.leaks.empty()) return sim::make_harmful(options.of_class, options.seed, kLeaksMade);
  CORDON_TRY(const std::string text, read_file(options.leaks, kLeaksBytesMax));
  CORDON_TRY(std::vector<std::string> leaks, sim::read_leaks(text));
  return leaks;
}

/// What the simulators are given, so that the clients look for the very same texts.
Status write_leaks(DemoStage& stage, const std::vector<std::string>& leaks) {
  std::string lines;
  for (const std::string& leak : leaks) lines += codec::write_json({{"text", leak}}) + "\n";
  return write_file(stage.leaks_file(), lines);
}

/// Whatever happened, no client and no child outlives it.
net::Task<Done> play(DemoStory& story, DemoStage& stage, net::Scope& scope,
                     std::vector<std::string> leaks) {
  auto played = co_await story.play(std::move(leaks));
  story.stop_traffic();
  stage.kill_all();
  co_await stage.close_inbox();
  scope.stop();
  co_await scope.join();
  co_return played;
}

Done demo(Session& session, const Values& values) {
  CORDON_TRY(const DemoOptions options, read_options(session, values));
  CORDON_TRY(std::vector<std::string> leaks, read_leaks(options));
  interrupted = false;
  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);
  std::signal(SIGPIPE, SIG_IGN);

  net::Loop loop(session.environment().clock);
  net::Scope scope(loop);
  DemoStage stage(options, scope, session.environment().random);
  CORDON_CHECK(stage.prepare());
  CORDON_CHECK(write_leaks(stage, leaks));
  DemoStory story(session, options, stage, scope, interrupted);
  const Done played = net::run_blocking(loop, play(story, stage, scope, std::move(leaks)));
  CORDON_CHECK(write_file(options.out / "demo.json", codec::write_json(story.summary()) + "\n"));
  if (session.json()) session.print_line(codec::write_json(story.summary()));
  if (played) {
    stage.clean();
    return {};
  }
  return tl::make_unexpected(Failure(played.error().exit_code,
                                     fmt::format("{}; seed {}, logs in {}", played.error().detail,
                                                 options.seed, (options.out / "work").string())));
}

}  // namespace

std::vector<Command> demo_commands() {
  return {{.path = "demo",
           .summary = "One incident, from first byte to proof, on real traffic; about a minute",
           .example = "demo --seed 7 --out demo-out",
           .reach = Reach::local,
           .parameters =
               {{Form::option, Presence::optional, "out", "DIR",
                 "where receipt, bundle, updates, review, replay test and scorecard are left; "
                 "demo-out"},
                {Form::option, Presence::optional, "class", "CLASS",
                 "what goes wrong: data_leakage unless given, prompt_injection_bypass, "
                 "unsafe_output or policy_drift"},
                {Form::option, Presence::optional, "seed", "N",
                 "the same traffic and leaks for the same N; printed when not given"},
                {Form::option, Presence::optional, "leaks", "FILE",
                 "JSON lines with harmful texts of that class; made from the seed unless given"},
                {Form::flag, Presence::optional, "no-leak", "",
                 "nothing leaks; holds only if no incident opens"},
                {Form::flag, Presence::optional, "json", "",
                 "print a summary as JSON; the story goes to standard error"}},
           .run = demo}};
}

}  // namespace cordon::cli::internal
