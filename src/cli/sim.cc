#include "cli/internal/session.h"
#include "sim/provider.h"

#include <atomic>
#include <csignal>

namespace cordon::cli::internal {
namespace {

constexpr std::size_t kLeaksBytesMax = std::size_t{64} << 20U;
constexpr std::chrono::milliseconds kLookForSignal{50};
constexpr std::chrono::milliseconds kGrace{200};

std::atomic<bool> stop_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may store it");

void ask_to_stop(int) {
  stop_asked = true;
}

Answer<sim::Options> read_options(const Values& values) {
  sim::Options options;
  CORDON_TRY(const std::uint64_t port, values.number_or("port", 0, 0, 65'535));
  options.server.port = static_cast<std::uint16_t>(port);
  CORDON_TRY(options.seed, values.number_or("seed", 1, 0, ~std::uint64_t{0}));
  if (const auto scenario = values.optional("scenario")) {
    CORDON_TRY(options.behaviour.scenario, sim::parse_scenario(*scenario));
  }
  if (const auto json = values.optional("behaviour")) {
    CORDON_TRY(options.behaviour, sim::parse_behaviour(*json, options.behaviour));
  }
  if (const auto file = values.optional("leaks")) {
    CORDON_TRY(const std::string text, read_file(*file, kLeaksBytesMax));
    CORDON_TRY(options.leaks, sim::read_leaks(text));
    if (options.leaks.empty()) return fail(Errc::invalid, *file + ": found no text to leak");
  }
  if (!values.all("model").empty()) options.models = values.all("model");
  return options;
}

net::Task<void> run_until_told(net::Scope& scope, sim::Provider& provider) {
  while (!stop_asked) {
    if (!co_await net::sleep(scope, kLookForSignal)) break;
  }
  co_await provider.stop(kGrace);
}

Done simulate(Session& session, const Values& values) {
  CORDON_TRY(sim::Options options, read_options(values));
  net::Loop loop(session.environment().clock);
  net::Scope scope(loop);
  CORDON_TRY(const auto provider, sim::Provider::start(loop, std::move(options)));
  stop_asked = false;
  std::signal(SIGTERM, ask_to_stop);
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGPIPE, SIG_IGN);
  session.print_line(fmt::format("http://127.0.0.1:{}", provider->port()));
  net::run_blocking(loop, run_until_told(scope, *provider));
  return {};
}

}  // namespace

std::vector<Command> sim_commands() {
  return {{.path = "sim",
           .summary = "A simulated model provider on loopback; prints its address, runs until TERM",
           .example = "sim --port 9090 --seed 7 --scenario leak",
           .reach = Reach::local,
           .parameters =
               {{Form::option, Presence::optional, "port", "PORT", "any free one unless given"},
                {Form::option, Presence::optional, "seed", "N", "the same answers for the same N"},
                {Form::option,
                 Presence::optional,
                 "scenario",
                 "NAME",
                 "what it does; normal unless given",
                 {sim::scenario_names().begin(), sim::scenario_names().end()}},
                {Form::option, Presence::optional, "behaviour", "JSON",
                 "more of that, like {\"chunk_bytes\":16}"},
                {Form::option, Presence::optional, "leaks", "FILE",
                 "JSON lines with the texts to leak; made from the seed unless given"},
                {Form::option, Presence::any, "model", "NAME", "what GET /v1/models lists"}},
           .run = simulate}};
}

}  // namespace cordon::cli::internal
