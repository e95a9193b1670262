// The story after the verdict: everybody is told, the incident becomes a test, a stricter rulepack
// passes it and is promoted, the review is drafted, and two people close it.
#include "cli/internal/demo_story.h"

#include <algorithm>

namespace cordon::cli::internal {

using codec::Json;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds kPollEvery{100};
constexpr std::chrono::seconds kDeliveredWithin{15};
constexpr std::string_view kAudiences[] = {"engineering", "product", "support", "legal",
                                           "customer"};
constexpr int kConflict = 12;

/// Texts for customers and for counsel wait for somebody who did not write them.
bool needs_approval(std::string_view audience) {
  return audience == "legal" || audience == "customer";
}

using Step = std::pair<std::string_view, std::string_view>;

std::string replace_all(std::string text, std::initializer_list<Step> steps) {
  for (const auto& [from, to] : steps) {
    for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
      text.replace(at, from.size(), to);
    }
  }
  return text;
}

/// The pack with every rule one step stricter: what it warned of it redacts, what it redacted it
/// blocks.
std::string one_step_stricter(std::string text) {
  return replace_all(std::move(text), {{"\n    action: redact", "\n    action: block"},
                                       {"\n    emergency: redact", "\n    emergency: block"},
                                       {"\n    action: warn", "\n    action: redact"},
                                       {"\n    emergency: warn", "\n    emergency: redact"}});
}

/// The pack with rules that only warn.
std::string only_warning(std::string text) {
  return replace_all(std::move(text), {{"\n    action: redact", "\n    action: warn"},
                                       {"\n    action: block", "\n    action: warn"}});
}

std::string with_version_mark(std::string text, std::string_view mark) {
  const std::size_t version = text.find("\nversion: ");
  if (version == text.npos) return text;
  const std::size_t end = std::min(text.find('\n', version + 1), text.size());
  return text.insert(end, mark);
}

}  // namespace

/// What makes the bad day possible: a release after which the rules see and do nothing.
net::Task<Done> DemoStory::relax() {
  CORDON_CO_TRY(rules_before_, co_await rules_now());
  Json body = {{"text", with_version_mark(only_warning(rules_before_), "-relaxed")},
               {"reason", "too many complaints: warn only, until they are looked at"}};
  std::string target = "/api/v1/rulepacks";
  CORDON_CO_TRY(Json published, co_await post(std::move(target), std::move(body)));
  say(fmt::format("a release: rulepack {} {}, whose rules only warn, is {}",
                  internal::show(published, "name"), internal::show(published, "version"),
                  internal::show(published, "state")));
  if (internal::show(published, "state") == "waiting") {
    body = Json::object();
    target = "/api/v1/approvals/" + segment(internal::show(published, "waiting.id")) + "/give";
    std::string token = ben_;
    CORDON_CO_TRY(published,
                  co_await control_->post(std::move(token), std::move(target), std::move(body)));
    say(fmt::format("  it is weaker, which takes a second person: ben approves, it is {}",
                    internal::show(published, "state")));
  }
  co_return claim(internal::show(published, "state") == "in_force",
                  "the relaxed rulepack is in force");
}

net::Task<Answer<std::string>> DemoStory::rules_now() {
  std::string method = "GET";
  std::string target = "/api/v1/rulepacks/" + std::string(plan_.rulepack) + "/text";
  std::string token = anna_;
  std::string none;
  co_return co_await control_->text(std::move(method), std::move(target), std::move(token),
                                    std::move(none));
}

net::Task<Done> DemoStory::tell_everybody() {
  CORDON_CO_CHECK(co_await find_customer_draft());
  for (const std::string_view audience : kAudiences) {
    std::string name(audience);
    CORDON_CO_CHECK(co_await tell(std::move(name)));
  }
  const auto arrived = [this](std::string_view audience) {
    const auto& messages = stage_.inbox().messages();
    return std::any_of(messages.begin(), messages.end(),
                       [audience](const auto& one) { return one.connector == audience; });
  };
  for (const std::string_view audience : kAudiences) {
    CORDON_CO_CHECK(claim(arrived(audience), fmt::format("{} received its update", audience)));
  }
  co_return Done{};
}

/// Made by the node when the threshold was passed: nobody asked for it.
net::Task<Done> DemoStory::find_customer_draft() {
  Json message;
  const MonoTime began = now();
  while (now() - began < kDeliveredWithin) {
    std::string target = incident_path("");
    CORDON_CO_TRY(const Json incident, co_await get(std::move(target)));
    if (incident.contains("customer_message")) message = incident["customer_message"];
    if (message.contains("draft")) break;
    CORDON_CO_CHECK(co_await pause(kPollEvery));
  }
  const std::string draft = internal::show(message, "draft");
  CORDON_CO_CHECK(
      claim(message.contains("draft"), "a draft for customers exists at the threshold"));
  std::string target = "/api/v1/updates/" + segment(draft);
  CORDON_CO_TRY(const Json update, co_await get(std::move(target)));
  CORDON_CO_CHECK(
      write_file(stage_.out() / "customer-draft.txt", internal::show(update, "text") + "\n"));
  say(fmt::format("{}: drafted by itself because of rule '{}', waits for {}", draft,
                  internal::show(message, "rule"), internal::show(update, "approver")));
  co_return Done{};
}

net::Task<Done> DemoStory::tell(std::string audience) {
  Json body = {{"audience", audience}};
  std::string target = incident_path("/updates");
  CORDON_CO_TRY(const Json draft, co_await post(std::move(target), std::move(body)));
  const std::string id = internal::show(draft, "id");
  std::error_code error;
  fs::create_directories(stage_.out() / "updates", error);
  CORDON_CO_CHECK(write_file(stage_.out() / "updates" / (audience + ".txt"),
                             internal::show(draft, "text") + "\n"));
  if (needs_approval(audience)) {
    body = Json::object();
    target = "/api/v1/updates/" + segment(id) + "/approve";
    std::string token = ben_;
    CORDON_CO_CHECK(co_await control_->post(std::move(token), std::move(target), std::move(body)));
  }
  body = Json::object();
  target = "/api/v1/updates/" + segment(id) + "/send";
  CORDON_CO_CHECK(co_await post(std::move(target), std::move(body)));
  std::string outcome;
  const MonoTime began = now();
  while (outcome != "sent" && now() - began < kDeliveredWithin) {
    CORDON_CO_CHECK(co_await pause(kPollEvery));
    target = "/api/v1/updates/" + segment(id);
    CORDON_CO_TRY(const Json update, co_await get(std::move(target)));
    if (!update["deliveries"].empty())
      outcome = internal::show(update["deliveries"].front(), "outcome");
  }
  say(fmt::format("  update {} for {}{}: {}", id, audience,
                  needs_approval(audience) ? ", approved by ben" : "", outcome));
  co_return Done{};
}

net::Task<Done> DemoStory::make_a_test() {
  Json body = {{"route", "support"}};
  std::string target = incident_path("/replays");
  CORDON_CO_TRY(const Json built, co_await post(std::move(target), std::move(body)));
  replay_ = internal::show(built, "id");
  say(fmt::format(
      "replay test {}: {} cases from the flight recorder; on the rulepacks of the "
      "incident it ends with {}",
      replay_, internal::show(built, "from_capture"), internal::show(built, "then.outcome")));
  CORDON_CO_CHECK(claim(internal::show(built, "then.outcome") == "fail",
                        "the test fails on the rulepacks that were in force"));
  std::string method = "POST";
  target = "/api/v1/replays/" + segment(replay_) + "/export";
  std::string token = anna_;
  std::string purpose = codec::write_json({{"purpose", "the demo keeps it"}});
  CORDON_CO_TRY(const std::string bytes,
                co_await control_->text(std::move(method), std::move(target), std::move(token),
                                        std::move(purpose)));
  const fs::path file = stage_.out() / (replay_ + ".replay.json");
  CORDON_CO_CHECK(write_file(file, bytes));
  summary_["replay"] = replay_;
  co_return Done{};
}

net::Task<Done> DemoStory::promote() {
  CORDON_CO_TRY(const std::string relaxed, co_await rules_now());
  const std::string idle = with_version_mark(relaxed, "-renamed");
  const std::string candidate = with_version_mark(one_step_stricter(rules_before_), "-stricter");
  const fs::path file = stage_.out() / "candidate.yaml";
  CORDON_CO_CHECK(write_file(file, candidate));

  Json body = {{"text", idle}, {"reason", "a new name changes nothing"}, {"incident", incident_}};
  std::string target = "/api/v1/rulepacks";
  const auto refused = co_await post(std::move(target), std::move(body));
  CORDON_CO_CHECK(claim(!refused && refused.error().exit_code == kConflict &&
                            refused.error().detail.find(replay_) != std::string::npos,
                        "a rulepack on which the test fails is not promoted"));
  say("  " + printable(refused.error().detail.substr(0, 300)));

  std::vector<std::string> words{options_.executable,
                                 "replay",
                                 "run",
                                 fs::absolute(stage_.out() / (replay_ + ".replay.json")),
                                 "--rulepack",
                                 fs::absolute(file)};
  fs::path here;
  CORDON_CO_CHECK(co_await run_program(std::move(words), std::move(here)));
  body = {{"text", candidate}, {"reason", plan_.reason}, {"incident", incident_}};
  target = "/api/v1/rulepacks";
  CORDON_CO_TRY(const Json published, co_await post(std::move(target), std::move(body)));
  say(fmt::format("rulepack {} {} is {}, on every node {} ms after the order",
                  internal::show(published, "name"), internal::show(published, "version"),
                  internal::show(published, "state"), internal::show(published, "ttpu_ms")));
  summary_["ttpu_ms"] = published.contains("ttpu_ms") ? published["ttpu_ms"] : Json();
  co_return claim(internal::show(published, "state") == "in_force",
                  "the stricter rulepack passes the test and is promoted");
}

net::Task<Done> DemoStory::follow_through() {
  Json body = {{"title", "the rules act again, one step stricter than before the release"},
               {"owner", "anna"},
               {"due", "2099-01-31"},
               {"kind", "hardening"},
               {"verify_by", "replay:" + replay_}};
  std::string target = incident_path("/actions");
  CORDON_CO_TRY(const Json added, co_await post(std::move(target), std::move(body)));
  const std::string action = internal::show(added, "id");
  body = {{"note", "published"}};
  target = "/api/v1/actions/" + segment(action) + "/done";
  CORDON_CO_CHECK(co_await post(std::move(target), std::move(body)));
  body = {{"proof", "replay:" + replay_}};
  target = "/api/v1/actions/" + segment(action) + "/verify";
  CORDON_CO_TRY(const Json verified, co_await post(std::move(target), std::move(body)));
  say(fmt::format("action {} of {}: {}, by {}", action, internal::show(verified, "owner"),
                  internal::show(verified, "status"), internal::show(verified, "proof")));
  target = incident_path("/actions");
  CORDON_CO_TRY(const Json actions, co_await get(std::move(target)));
  CORDON_CO_CHECK(
      write_file(stage_.out() / "actions.json", codec::write_json(actions["items"]) + "\n"));
  co_return claim(internal::show(verified, "status") == "verified",
                  "the hardening change is verified by the test, not by a word");
}

net::Task<Done> DemoStory::review() {
  Json body = Json::object();
  std::string target = incident_path("/review");
  CORDON_CO_TRY(const Json draft, co_await post(std::move(target), std::move(body)));
  const std::string text = draft.contains("text") ? draft["text"].get<std::string>() : "";
  CORDON_CO_CHECK(write_file(stage_.out() / "review.md", text));
  say(fmt::format(
      "review drafted from facts: {} bytes, {} assertions without a source, {} controls",
      text.size(), internal::show(draft, "assertions"),
      draft.contains("controls") ? draft["controls"].size() : 0));
  body = {{"to", "in_review"}, {"reason", "drafted from the facts"}};
  target = incident_path("/review/move");
  CORDON_CO_CHECK(co_await post(std::move(target), std::move(body)));
  body = {{"to", "reviewed"}, {"reason", "its causes name controls"}};
  target = incident_path("/review/move");
  std::string token = ben_;
  CORDON_CO_TRY(const Json reviewed,
                co_await control_->post(std::move(token), std::move(target), std::move(body)));
  co_return claim(internal::show(reviewed, "status") == "reviewed",
                  "a second person reviewed it, and it names the controls");
}

/// Refused while something is missing, with the list; then by two people.
net::Task<Done> DemoStory::refuse_to_close() {
  Json body = {{"to", "closed"}, {"reason", "it looks done"}};
  std::string target = incident_path("/move");
  const auto refused = co_await post(std::move(target), std::move(body));
  CORDON_CO_CHECK(claim(!refused && refused.error().exit_code == kConflict,
                        "it cannot be closed before everything is there"));
  say("  " + printable(refused.error().detail.substr(0, 400)));
  co_return Done{};
}

net::Task<Done> DemoStory::close() {
  std::string target = incident_path("/score");
  CORDON_CO_TRY(const Json score, co_await get(std::move(target)));
  say(fmt::format("evidence score {}", internal::show(score, "score")));
  CORDON_CO_CHECK(write_file(stage_.out() / "score.json", codec::write_json(score) + "\n"));
  CORDON_CO_CHECK(claim(internal::show(score, "score") == "100",
                        "every required field is there and can be verified"));
  Json body = {{"to", "closed"}, {"reason", "everything is done and verified"}};
  target = incident_path("/move");
  CORDON_CO_TRY(const Json asked, co_await post(std::move(target), std::move(body)));
  CORDON_CO_CHECK(
      claim(internal::show(asked, "act") == "move", "one person alone cannot close it"));
  body = Json::object();
  target = "/api/v1/approvals/" + segment(internal::show(asked, "id")) + "/give";
  std::string token = ben_;
  CORDON_CO_TRY(const Json closed,
                co_await control_->post(std::move(token), std::move(target), std::move(body)));
  say(fmt::format("{} is {}", incident_, internal::show(closed, "state")));
  co_return claim(internal::show(closed, "state") == "closed", "two people closed it");
}

}  // namespace cordon::cli::internal
