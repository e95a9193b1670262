// Handlers of replay tests: built from an incident, run, handed out.
#include "api/control_plane.h"
#include "api/handlers.h"

#include <fmt/format.h>

#include <algorithm>

namespace cordon::api {

using codec::Json;

namespace {

Json to_json(const ReplayRecord& record) {
  Json packs = Json::array();
  for (const model::RulepackRef& pack : record.packs) {
    packs.push_back({{"name", pack.name}, {"digest", pack.digest}});
  }
  return {{"id", record.id},
          {"incident", record.incident},
          {"class", model::to_string(record.incident_class)},
          {"route", record.route},
          {"digest", record.digest},
          {"cases", record.from_capture + record.from_samples},
          {"from_capture", record.from_capture},
          {"from_samples", record.from_samples},
          {"rulepacks", std::move(packs)},
          {"built_by", record.by.text()},
          {"built_at", format_rfc3339(record.at)},
          {"entry", record.entry}};
}

Result<std::vector<std::string>> read_texts(const Json& list, std::string_view what,
                                            std::size_t max) {
  std::vector<std::string> texts;
  if (list.is_null()) return texts;
  if (!list.is_array()) return fail(Errc::invalid, fmt::format("{} must be a list", what));
  if (list.size() > max) {
    return fail(Errc::exhausted,
                fmt::format("{} {}, at most {} are taken", list.size(), what, max));
  }
  for (const Json& item : list) {
    if (!item.is_string() || item.get_ref<const std::string&>().empty()) {
      return fail(Errc::invalid, fmt::format("{} must hold texts that are not empty", what));
    }
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

Result<ReplaySample> read_sample(const Json& value) {
  codec::ObjectReader reader(value, "sample");
  ReplaySample sample;
  const std::string part = reader.text_or("part", "response");
  sample.text = reader.text("text");
  const Json& hide = reader.any("hide");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(sample.part, replay::parse_part(part));
  if (sample.text.empty()) return fail(Errc::invalid, "sample: the text is empty");
  if (sample.text.size() > replay::kCaseBytesMax) {
    return fail(Errc::exhausted, fmt::format("sample: {} bytes, at most {} are taken",
                                             sample.text.size(), replay::kCaseBytesMax));
  }
  CORDON_TRY(sample.hide, read_texts(hide, "hide", replay::kHideMax));
  for (const std::string& text : sample.hide) {
    if (sample.text.find(text) == std::string::npos) {
      return fail(Errc::invalid, "sample: a text to hide does not stand in the sample");
    }
  }
  return sample;
}

Result<BuildReplay> read_build(const Call& call) {
  codec::ObjectReader reader(call.body, "replay");
  BuildReplay command;
  command.incident = call.id;
  command.by = call.caller.actor();
  command.route = reader.text_or("route", "");
  const Json& samples = reader.any("samples");
  const Json& exchanges = reader.any("exchanges");
  const auto expect = reader.optional_text("expect");
  CORDON_CHECK(reader.finish());
  if (!samples.is_null() && !samples.is_array()) {
    return fail(Errc::invalid, "replay: 'samples' must be a list");
  }
  if (samples.size() > replay::kCasesMax) {
    return fail(Errc::exhausted, fmt::format("replay: {} samples, at most {} are taken",
                                             samples.size(), replay::kCasesMax));
  }
  for (const Json& item : samples) {
    CORDON_TRY(ReplaySample sample, read_sample(item));
    command.samples.push_back(std::move(sample));
  }
  CORDON_TRY(command.exchanges, read_texts(exchanges, "exchanges", replay::kCasesMax));
  if (expect) {
    CORDON_TRY(const model::Action action, model::parse_action(*expect));
    if (action == model::Action::allow) {
      return fail(Errc::invalid, "replay: 'expect' is warn, redact or block");
    }
    command.expect = action;
  }
  return command;
}

}  // namespace

net::Task<Result<Reply>> handle_replays(ControlPlane& control, const Call&) {
  Json items = Json::array();
  for (const ReplayRecord& record : control.replays()) items.push_back(to_json(record));
  co_return Reply{200, {{"items", std::move(items)}}, {}};
}

net::Task<Result<Reply>> handle_build_replay(ControlPlane& control, const Call& call) {
  auto command = read_build(call);
  if (!command) co_return tl::make_unexpected(command.error());
  const auto built = co_await control.build_replay(*std::move(command));
  if (!built) co_return tl::make_unexpected(built.error());
  Json json = to_json(built->record);
  json["then"] = replay::to_json(built->then);
  co_return Reply{201, std::move(json), {}};
}

net::Task<Result<Reply>> handle_run_replays(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "run");
  RunReplays command;
  const Json& ids = reader.any("ids");
  command.candidate = reader.text_or("rulepack", "");
  command.file = reader.text_or("file", "rulepack");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  auto wanted = read_texts(ids, "ids", replay::kCasesMax);
  if (!wanted) co_return tl::make_unexpected(wanted.error());
  command.ids = *std::move(wanted);
  const auto reports = co_await control.run_replays(std::move(command));
  if (!reports) co_return tl::make_unexpected(reports.error());
  Json items = Json::array();
  std::size_t failed = 0;
  for (const replay::Report& report : *reports) {
    if (report.outcome() == replay::Outcome::fail) ++failed;
    items.push_back(replay::to_json(report));
  }
  co_return Reply{200, {{"failed", failed}, {"items", std::move(items)}}, {}};
}

net::Task<Result<Reply>> handle_export_replay(ControlPlane& control, const Call& call) {
  codec::ObjectReader reader(call.body, "export");
  std::string purpose = reader.text_or("purpose", "");
  const Status shape = reader.finish();
  if (!shape) co_return tl::make_unexpected(shape.error());
  std::string id = call.id;
  model::Actor by = call.caller.actor();
  auto bytes = co_await control.export_replay(std::move(id), std::move(purpose), std::move(by));
  if (!bytes) co_return tl::make_unexpected(bytes.error());
  co_return Reply{200, {}, *std::move(bytes)};
}

}  // namespace cordon::api
