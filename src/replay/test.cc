#include "replay/test.h"

#include "codec/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cordon::replay {
namespace {

using codec::Json;
using codec::ObjectReader;

constexpr std::array<std::string_view, 2> kSources = {"capture", "sample"};

Json to_json(const Case& one) {
  Json json{{"case", one.name}, {"source", to_string(one.source)}};
  if (!one.exchange.empty()) json["exchange"] = one.exchange;
  json["part"] = policy::to_string(one.part);
  json["text"] = one.text;
  json["then"] = model::to_string(one.then);
  json["expect"] = model::to_string(one.expect);
  if (!one.hide.empty()) json["hide"] = one.hide;
  return json;
}

Status read_hide(const Json& list, Case& into) {
  if (list.is_null()) return {};
  if (!list.is_array()) return fail(Errc::invalid, "hide is not a list");
  if (list.size() > kHideMax) {
    return fail(Errc::exhausted, fmt::format("hide has more than {} texts", kHideMax));
  }
  for (const Json& item : list) {
    if (!item.is_string() || item.get_ref<const std::string&>().empty()) {
      return fail(Errc::invalid, "hide holds something besides texts of one byte or more");
    }
    into.hide.push_back(item.get<std::string>());
  }
  return {};
}

Result<Case> read_case(const Json& value) {
  ObjectReader reader(value, "case");
  Case one;
  one.name = reader.text("case");
  const std::string source = reader.text("source");
  one.exchange = reader.text_or("exchange", "");
  const std::string part = reader.text("part");
  one.text = reader.text("text");
  const std::string then = reader.text("then");
  const std::string expect = reader.text("expect");
  const Json& hide = reader.any("hide");
  CORDON_CHECK(reader.finish());
  const auto found = std::find(kSources.begin(), kSources.end(), source);
  if (found == kSources.end()) return fail(Errc::invalid, "unknown source of a case");
  one.source = static_cast<Source>(found - kSources.begin());
  CORDON_TRY(one.part, parse_part(part));
  CORDON_TRY(one.then, model::parse_action(then));
  CORDON_TRY(one.expect, model::parse_action(expect));
  if (one.expect == model::Action::allow) {
    return fail(Errc::invalid, "expect is allow, which every rulepack fulfils");
  }
  if (one.text.empty()) return fail(Errc::invalid, "a case without a text");
  if (one.text.size() > kCaseBytesMax) {
    return fail(Errc::exhausted, fmt::format("a text of {} bytes, at most {} are taken",
                                             one.text.size(), kCaseBytesMax));
  }
  CORDON_CHECK(read_hide(hide, one));
  return one;
}

Result<PackThen> read_pack(const Json& value) {
  ObjectReader reader(value, "rulepack");
  PackThen pack{reader.text("name"), reader.text("version"), reader.text("digest"),
                reader.text("text")};
  CORDON_CHECK(reader.finish());
  return pack;
}

template <class T>
Status read_list(const Json& list, std::string_view what, std::size_t max,
                 Result<T> (*read_one)(const Json&), std::vector<T>& into) {
  if (!list.is_array()) return fail(Errc::invalid, fmt::format("{} is not a list", what));
  if (list.size() > max) {
    return fail(Errc::exhausted,
                fmt::format("{} {}, at most {} are taken", list.size(), what, max));
  }
  for (const Json& item : list) {
    CORDON_TRY(T one, read_one(item));
    into.push_back(std::move(one));
  }
  return {};
}

}  // namespace

std::string_view to_string(Source source) noexcept {
  return kSources[static_cast<std::size_t>(source)];
}

Result<policy::Part> parse_part(std::string_view word) {
  for (std::size_t i = 0; i < policy::kPartCount; ++i) {
    const auto part = static_cast<policy::Part>(i);
    if (policy::to_string(part) == word) return part;
  }
  return fail(Errc::invalid,
              fmt::format("unknown part '{}', expected one of request, response, tool_arguments, "
                          "reasoning",
                          word.substr(0, 40)));
}

std::string write(const ReplayTest& test) {
  Json packs = Json::array();
  for (const PackThen& pack : test.packs) {
    packs.push_back({{"name", pack.name},
                     {"version", pack.version},
                     {"digest", pack.digest},
                     {"text", pack.text}});
  }
  Json cases = Json::array();
  for (const Case& one : test.cases) cases.push_back(to_json(one));
  return codec::write_json({{"v", 1},
                            {"replay", test.id},
                            {"salt", test.salt},
                            {"incident", test.incident},
                            {"class", model::to_string(test.incident_class)},
                            {"route", test.route},
                            {"mode_then", model::to_string(test.mode_then)},
                            {"built_at", format_rfc3339(test.built_at)},
                            {"built_by", test.built_by.text()},
                            {"rulepacks", std::move(packs)},
                            {"cases", std::move(cases)}}) +
         "\n";
}

Result<ReplayTest> read(std::string_view bytes) {
  CORDON_TRY(const Json json, codec::parse_json(bytes, {.bytes_max = kTestBytesMax}));
  if (!json.is_object()) return fail(Errc::invalid, "a replay test is a JSON object");
  ObjectReader reader(json, "replay test");
  ReplayTest test;
  const std::int64_t version = reader.integer("v");
  test.id = reader.text("replay");
  test.salt = reader.text("salt");
  test.incident = reader.text("incident");
  const std::string of_class = reader.text("class");
  test.route = reader.text("route");
  const std::string mode = reader.text("mode_then");
  const std::string built_at = reader.text("built_at");
  const std::string built_by = reader.text("built_by");
  const Json& packs = reader.any("rulepacks");
  const Json& cases = reader.any("cases");
  CORDON_CHECK(reader.finish());
  if (version != 1) {
    return fail(Errc::invalid, fmt::format("a replay test of version {}, expected 1", version));
  }
  CORDON_TRY(test.incident_class, model::parse_incident_class(of_class));
  CORDON_TRY(test.mode_then, model::parse_mode(mode));
  CORDON_TRY(test.built_at, parse_rfc3339(built_at));
  CORDON_TRY(test.built_by, model::Actor::parse(built_by));
  CORDON_CHECK(read_list(packs, "rulepacks", kPacksMax, read_pack, test.packs));
  CORDON_CHECK(read_list(cases, "cases", kCasesMax, read_case, test.cases));
  if (test.packs.empty()) return fail(Errc::invalid, "rulepacks is empty: nothing could be run");
  if (test.cases.empty()) return fail(Errc::invalid, "cases is empty: nothing could be run");
  return test;
}

}  // namespace cordon::replay
