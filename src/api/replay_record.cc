#include "api/replay_record.h"

#include <algorithm>

namespace cordon::api {
namespace {

using codec::Json;
using codec::ObjectReader;

Result<model::RulepackRef> read_pack(const Json& value) {
  ObjectReader reader(value, "rulepack");
  model::RulepackRef pack{reader.text("name"), reader.text("digest")};
  CORDON_CHECK(reader.finish());
  return pack;
}

Result<ReplayRecord> read(const Json& body) {
  ObjectReader reader(body, "replay_test");
  ReplayRecord record;
  record.id = reader.text("replay");
  record.digest = reader.text("digest");
  record.incident = reader.text("incident");
  const std::string of_class = reader.text("class");
  record.route = reader.text("route");
  const Json& packs = reader.any("rulepacks");
  const std::int64_t captured = reader.integer("from_capture");
  const std::int64_t samples = reader.integer("from_samples");
  const std::string actor = reader.text("actor");
  CORDON_CHECK(reader.finish());
  if (captured < 0 || samples < 0) return fail(Errc::invalid, "replay_test: a negative count");
  record.from_capture = static_cast<std::uint64_t>(captured);
  record.from_samples = static_cast<std::uint64_t>(samples);
  CORDON_TRY(record.incident_class, model::parse_incident_class(of_class));
  CORDON_TRY(record.by, model::Actor::parse(actor));
  if (!packs.is_array()) return fail(Errc::invalid, "replay_test: rulepacks is not a list");
  for (const Json& item : packs) {
    CORDON_TRY(model::RulepackRef pack, read_pack(item));
    record.packs.push_back(std::move(pack));
  }
  return record;
}

}  // namespace

bool ReplayRecord::holds(std::string_view pack) const noexcept {
  return std::any_of(packs.begin(), packs.end(), [&](const auto& ref) { return ref.name == pack; });
}

Json to_body(const ReplayRecord& record) {
  Json packs = Json::array();
  for (const model::RulepackRef& pack : record.packs) {
    packs.push_back({{"name", pack.name}, {"digest", pack.digest}});
  }
  return {{"replay", record.id},
          {"digest", record.digest},
          {"incident", record.incident},
          {"class", model::to_string(record.incident_class)},
          {"route", record.route},
          {"rulepacks", std::move(packs)},
          {"from_capture", record.from_capture},
          {"from_samples", record.from_samples},
          {"actor", record.by.text()}};
}

Result<ReplayRecord> parse_replay_record(const Json& body) {
  auto record = read(body);
  if (!record) return fail(Errc::corrupt, std::move(record).error().detail);
  return record;
}

}  // namespace cordon::api
