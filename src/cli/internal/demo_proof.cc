// The story after the cut: the switch survives a crash, the numbers say that it helped, strangers
// verify the evidence. And what all acts of the story are made from.
#include "base/hex.h"
#include "cli/internal/demo_story.h"
#include "crypto/sha256.h"
#include "evidence/checkpoint.h"

#include <algorithm>
#include <csignal>

namespace cordon::cli::internal {

using codec::Json;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds kPollEvery{200};
constexpr std::chrono::seconds kJudgeWithin{60};
constexpr std::chrono::seconds kServeWithin{20};
constexpr std::chrono::seconds kJournalledWithin{15};
constexpr std::chrono::seconds kProgramWithin{60};
constexpr std::chrono::seconds kClientsEndWithin{15};
constexpr std::size_t kOutputBytesMax = std::size_t{1} << 20U;
constexpr std::size_t kTimelineLinesShown = 40;

bool holds_id(const Json& items, const std::string& id) {
  return std::any_of(items.begin(), items.end(),
                     [&id](const Json& item) { return internal::show(item, "id") == id; });
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

}  // namespace

net::Task<Done> DemoStory::crash() {
  CORDON_CO_TRY(const pid_t killed, co_await stage_.kill_node());
  const MonoTime died = now();
  say(fmt::format("kill -9 {}: the node is gone", killed));
  CORDON_CO_CHECK(co_await stage_.start_node());
  say(fmt::format("node {} is ready again {:.1f} s later", stage_.node_pid(),
                  std::chrono::duration<double>(now() - died).count()));
  std::string target = "/api/v1/state";
  CORDON_CO_TRY(const Json state, co_await get(std::move(target)));
  say(fmt::format("  in force after the restart: {} switch, {} mode, {} fallback; generation {}",
                  state["switches"].size(), state["modes"].size(), state["fallbacks"].size(),
                  internal::show(state, "generation")));
  CORDON_CO_CHECK(
      claim(holds_id(state["switches"], switch_), "the switch holds after kill -9 and restart"));

  const MonoTime ready = now();
  const auto served = [this, ready] {
    return count([ready](const Sent& sent) {
      return sent.route == "support" && sent.begun > ready && sent.ending == Ending::complete;
    });
  };
  while (served() < 20 && now() - ready < kServeWithin) {
    CORDON_CO_CHECK(co_await pause(kPollEvery));
  }
  const std::size_t elsewhere = count([ready](const Sent& sent) {
    return sent.route == "support" && sent.begun > ready && sent.ending == Ending::complete &&
           sent.served_by != "vendor-small/vendor-small";
  });
  std::string vendor = "vendor-large";
  CORDON_CO_TRY(const std::uint64_t large, co_await completions_of(std::move(vendor)));
  say(
      fmt::format("  since then {} answers on support, all but {} from vendor-small; requests that "
                  "vendor-large received since the switch: {}",
                  served(), elsewhere, large - large_at_cut_));
  CORDON_CO_CHECK(claim(served() >= 20 && elsewhere == 0, "support goes on, on its fallback"));
  CORDON_CO_CHECK(claim(large == large_at_cut_, "nothing reached vendor-large any more"));
  co_return Done{};
}

net::Task<Done> DemoStory::refuse_alone() {
  Json body = {{"reason", "it looks calm again"}};
  std::string target = "/api/v1/containments/" + segment(switch_) + "/release";
  CORDON_CO_TRY(const Json asked, co_await post(std::move(target), std::move(body)));
  say(
      fmt::format("anna alone asks to release the switch early: approval {} waits for a second "
                  "person",
                  internal::show(asked, "id")));
  target = "/api/v1/containments/" + segment(switch_);
  CORDON_CO_TRY(const Json measure, co_await get(std::move(target)));
  CORDON_CO_CHECK(
      claim(internal::show(measure, "state") == "in_force" &&
                internal::show(measure, "release_approval") == internal::show(asked, "id"),
            "one person alone cannot release it early"));
  co_return Done{};
}

net::Task<Done> DemoStory::judge() {
  const MonoTime began = now();
  Json mitigation;
  std::string verdict = "inconclusive";
  while (verdict == "inconclusive" && now() - began < kJudgeWithin) {
    CORDON_CO_CHECK(co_await pause(kPollEvery));
    std::string target = incident_path("/mitigations");
    CORDON_CO_TRY(const Json mitigations, co_await get(std::move(target)));
    if (mitigations["items"].empty()) continue;
    mitigation = mitigations["items"].back();
    verdict = internal::show(mitigation, "verdict");
  }
  say(fmt::format("verdict: {} after {} exchanges, {} observed, {} demanded; {}", verdict,
                  internal::show(mitigation, "samples"), internal::show(mitigation, "observed"),
                  "below " + internal::show(mitigation, "value"),
                  internal::show(mitigation, "reason")));
  summary_["verdict"] = verdict;
  CORDON_CO_CHECK(claim(verdict == "effective", "live numbers say that it helped"));
  const MonoTime since = contained_at_;
  const std::size_t leaked = count([since](const Sent& s) { return s.leaked && s.begun > since; });
  const std::size_t answers = count([since](const Sent& sent) {
    return sent.route == "support" && sent.begun > since && sent.ending == Ending::complete;
  });
  say(fmt::format("  the clients count {} harmful texts in {} answers on support since the switch",
                  leaked, answers));
  // What attackers send is theirs to choose; what is answered is judged by the rules' numbers.
  if (plan_.from == HarmFrom::vendor) {
    CORDON_CO_CHECK(claim(leaked == 0 && answers > 0, "no harmful text reached a client any more"));
  }
  CORDON_CO_CHECK(co_await wait_validated());
  std::string to = "stable";
  std::string reason = "the declared test says effective";
  CORDON_CO_CHECK(co_await move(std::move(to), std::move(reason)));
  co_return Done{};
}

/// A verdict counts once it is in the journal, which is a moment after it can be seen.
net::Task<Done> DemoStory::wait_validated() {
  const MonoTime began = now();
  Json missing = Json::array({"unknown"});
  while (!missing.empty() && now() - began < kJournalledWithin) {
    CORDON_CO_CHECK(co_await pause(kPollEvery));
    std::string target = incident_path("");
    CORDON_CO_TRY(const Json incident, co_await get(std::move(target)));
    if (!incident.contains("next")) break;
    missing = incident["next"]["missing"];
  }
  for (const Json& one : missing) say("  still missing: " + printable(one.get<std::string>()));
  co_return claim(missing.empty(), "every containment is validated by the verdict");
}

net::Task<Done> DemoStory::freeze() {
  Json body = {{"reason", "evidence of the demo"}};
  std::string target = incident_path("/evidence");
  CORDON_CO_TRY(const Json bundle, co_await post(std::move(target), std::move(body)));
  const fs::path bag = internal::show(bundle, "path");
  const fs::path kept = stage_.out() / bag.filename();
  fs::path tar = bag;
  tar += ".tar";
  fs::path kept_tar = kept;
  kept_tar += ".tar";
  std::error_code error;
  fs::copy(bag, kept, fs::copy_options::recursive, error);
  if (!error) fs::copy_file(tar, kept_tar, error);
  if (error) {
    co_return fail(Errc::unavailable,
                   fmt::format("{}: cannot be copied: {}", bag.string(), error.message()));
  }
  say(fmt::format("evidence frozen: {} decisions under a signed tree of {} entries",
                  internal::show(bundle, "decisions"), internal::show(bundle, "tree_size")));
  CORDON_CO_TRY(const std::string bytes, read_file(kept_tar, std::size_t{1} << 30U));
  CORDON_CO_CHECK(claim(crypto::hex(crypto::sha256(bytes)) == internal::show(bundle, "sha256"),
                        "the tar has the digest that the node named"));
  summary_["bundle"] = bundle;
  co_return co_await verify(kept);
}

/// By our own verifier, and by the commands that the bundle's README gives to a stranger.
net::Task<Done> DemoStory::verify(fs::path bag) {
  const fs::path pem = fs::absolute(stage_.out() / "signer.pem");
  CORDON_CO_TRY(const auto key, evidence::VerifierKey::parse(lines_of(vkey_).at(0)));
  CORDON_CO_CHECK(write_file(pem, key.key().to_pem()));
  const std::string key_file = fs::absolute(stage_.out() / "log.vkey");
  for (const char* const form : {"", ".tar"}) {
    std::vector<std::string> words{options_.executable, "verify", fs::absolute(bag).string() + form,
                                   "--key-file", key_file};
    fs::path here;
    CORDON_CO_CHECK(co_await run_program(std::move(words), std::move(here)));
  }
  CORDON_CO_TRY(const std::string readme, read_file(bag / "data/README.txt", kOutputBytesMax));
  std::size_t commands = 0;
  for (const std::string& line : lines_of(readme)) {
    std::vector<std::string> words = words_of(line);
    if (!line.starts_with("  ") || words.empty()) continue;
    if (words.front() != "sha256sum" && words.front() != "openssl") continue;
    std::replace(words.begin(), words.end(), std::string("KEY.pem"), pem.string());
    fs::path directory = fs::absolute(bag);
    CORDON_CO_CHECK(co_await run_program(std::move(words), std::move(directory)));
    ++commands;
  }
  CORDON_CO_CHECK(claim(commands >= 3, "the bundle's README names the commands of a stranger"));
  co_return Done{};
}

net::Task<Done> DemoStory::run_program(std::vector<std::string> words, fs::path directory) {
  const fs::path log = stage_.work() / "program.log";
  std::error_code ignored;
  fs::remove(log, ignored);
  CORDON_CO_TRY(Child child, Child::start(words, log, directory));
  const std::chrono::milliseconds within = kProgramWithin;
  const auto code = co_await wait_for(scope_, child, within);
  if (!code) co_return tl::make_unexpected(Failure(code.error()));
  const std::string name = fs::path(words.front()).filename();
  std::string shown = name;
  for (auto word = words.begin() + 1; word != words.end(); ++word) {
    const std::string_view text = *word;
    shown += " " + std::string(text.starts_with('/') ? text.substr(text.rfind('/') + 1) : text);
  }
  say("$ " + shown);
  const auto output = read_file(log, kOutputBytesMax);
  const auto lines = lines_of(output ? *output : std::string());
  const std::size_t tail = lines.size() > 14 ? lines.size() - 3 : 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (tail > 0 && i >= 3 && i < tail) continue;
    if (tail > 0 && i == tail) say(fmt::format("  ... {} more lines ...", tail - 3));
    say("  " + printable(lines[i]));
  }
  co_return claim(*code == 0, shown + " accepts it");
}

net::Task<Done> DemoStory::report() {
  std::string target = incident_path("/timeline");
  CORDON_CO_TRY(const Json timeline, co_await get(std::move(target)));
  std::string json_lines;
  for (const Json& item : timeline["items"]) json_lines += codec::write_json(item) + "\n";
  CORDON_CO_CHECK(write_file(stage_.out() / "timeline.jsonl", json_lines));
  say(fmt::format("timeline, {} entries:", timeline["items"].size()));
  std::size_t shown = 0;
  for (const Json& item : timeline["items"]) {
    if (++shown > kTimelineLinesShown) break;
    say(fmt::format("  {}  {:<17} {:<17} {}",
                    internal::show(item, "recorded", Show::time).substr(11),
                    internal::show(item, "kind"), internal::show(item, "actor"),
                    printable(internal::show(item, "text"))));
  }
  CORDON_CO_CHECK(claim(timeline["items"].size() >= 8, "the timeline tells the whole story"));

  target = incident_path("/scorecard");
  CORDON_CO_TRY(const Json card, co_await get(std::move(target)));
  const std::string text = internal::show(card, "text");
  CORDON_CO_CHECK(write_file(stage_.out() / "scorecard.json", codec::write_json(card) + "\n"));
  CORDON_CO_CHECK(write_file(stage_.out() / "scorecard.txt", text));
  say("scorecard:");
  for (const std::string& line : lines_of(text)) say("  " + printable(line));
  summary_["evidence_score"] = card["evidence"]["score"];
  CORDON_CO_CHECK(claim(!text.empty() && text != "-", "there is a scorecard"));
  co_return Done{};
}

net::Task<Done> DemoStory::end_quietly() {
  traffic_->stop();
  const MonoTime until = now() + kClientsEndWithin;
  while (traffic_->clients() > 0 && now() < until) CORDON_CO_CHECK(co_await pause(kPollEvery));
  const std::size_t failed = count([](const Sent& sent) { return sent.ending == Ending::failed; });
  say(
      fmt::format("clients: {} exchanges, {} whole, {} cut by the switch, {} lost in the crash, {} "
                  "failed otherwise",
                  traffic_->sent().size(),
                  count([](const Sent& sent) { return sent.ending == Ending::complete; }),
                  count([](const Sent& sent) { return sent.ending == Ending::killed; }),
                  count([](const Sent& sent) { return sent.ending == Ending::down; }), failed));
  for (const auto& [what, times] : reasons_of_failures())
    say(fmt::format("  {} times {}", times, what));
  summary_["exchanges"] = traffic_->sent().size();
  CORDON_CO_CHECK(claim(failed == 0, "no client saw an ending that has no reason"));
  CORDON_CO_CHECK(co_await stage_.stop_node());
  say("the node stopped cleanly");
  co_return Done{};
}

std::map<std::string, std::size_t> DemoStory::reasons_of_failures() const {
  std::map<std::string, std::size_t> reasons;
  for (const Sent& sent : traffic_->sent()) {
    if (sent.ending != Ending::failed) continue;
    ++reasons[fmt::format("status {}, code '{}', {} on {} by '{}'", sent.status,
                          printable(sent.code), sent.streamed ? "streamed" : "whole", sent.route,
                          printable(sent.served_by))];
  }
  return reasons;
}

net::Task<Answer<Json>> DemoStory::get(std::string target) {
  std::string token = anna_;
  co_return co_await control_->get(std::move(token), std::move(target));
}

net::Task<Answer<Json>> DemoStory::post(std::string target, Json body) {
  std::string token = anna_;
  co_return co_await control_->post(std::move(token), std::move(target), std::move(body));
}

net::Task<Done> DemoStory::move(std::string to, std::string reason) {
  Json body = {{"to", to}, {"reason", std::move(reason)}};
  std::string target = incident_path("/move");
  CORDON_CO_TRY(const Json incident, co_await post(std::move(target), std::move(body)));
  say(fmt::format("{} is {}", incident_, internal::show(incident, "state")));
  co_return claim(internal::show(incident, "state") == to, "the incident is " + to);
}

net::Task<Answer<std::uint64_t>> DemoStory::completions_of(std::string vendor) {
  DemoControl asked(scope_.loop(), stage_.vendor_port(vendor));
  std::string none;
  std::string target = "/sim/counts";
  CORDON_CO_TRY(const Json counts, co_await asked.get(std::move(none), std::move(target)));
  const auto found = counts.find("completions");
  if (found == counts.end() || !found->is_number_unsigned()) {
    co_return fail(Errc::corrupt, vendor + " does not count its completions");
  }
  co_return found->get<std::uint64_t>();
}

net::Task<Done> DemoStory::pause(std::chrono::milliseconds duration) {
  constexpr std::chrono::milliseconds kAtMost{500};
  const MonoTime until = now() + duration;
  while (now() < until) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - now());
    const auto step = std::clamp(left, std::chrono::milliseconds(1), kAtMost);
    CORDON_CO_CHECK(co_await net::sleep(scope_, step));
    if (interrupted_) co_return tl::make_unexpected(Failure(128 + SIGINT, "interrupted"));
    if (stage_.node_died()) {
      co_return tl::make_unexpected(
          Failure(kExitRefused, "the node died by itself: see work/node.log"));
    }
  }
  co_return Done{};
}

void DemoStory::stop_traffic() noexcept {
  if (traffic_) traffic_->stop();
}

void DemoStory::say(std::string_view text) {
  const double at = std::chrono::duration<double>(now() - begun_).count();
  const std::string line = fmt::format("[{:5.1f} s] {}", at, text);
  if (session_.json()) {
    session_.note(line);
  } else {
    session_.print_line(line);
  }
}

Done DemoStory::claim(bool held, const std::string& what) {
  summary_["claims"].push_back({{"claim", what}, {"held", held}});
  if (held) {
    say("  holds: " + what);
    return {};
  }
  return tl::make_unexpected(Failure(kExitRefused, "does not hold: " + what));
}

std::size_t DemoStory::count(const Seen& seen) const {
  const auto& sent = traffic_->sent();
  return static_cast<std::size_t>(std::count_if(sent.begin(), sent.end(), seen));
}

MonoTime DemoStory::now() const noexcept {
  return session_.environment().clock.mono();
}

std::string DemoStory::incident_path(std::string_view part) const {
  return "/api/v1/incidents/" + segment(incident_) + std::string(part);
}

}  // namespace cordon::cli::internal
