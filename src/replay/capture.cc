#include "replay/capture.h"

#include "codec/json.h"
#include "replay/test.h"

namespace cordon::replay {
namespace {

using codec::Json;
using codec::ObjectReader;

Result<CapturedText> read_text(const Json& value) {
  ObjectReader reader(value, "captured text");
  const std::string part = reader.text("part");
  CapturedText text;
  text.text = reader.text("text");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(text.part, parse_part(part));
  return text;
}

Result<CapturedExchange> read_exchange(const Json& json) {
  ObjectReader reader(json, "captured exchange");
  CapturedExchange captured;
  captured.exchange = reader.text("exchange");
  const std::string at = reader.text("at");
  captured.route = reader.text("route");
  captured.provider = reader.text("provider");
  captured.model = reader.text("model");
  captured.tenant = reader.text("tenant");
  captured.use_case = reader.text("use_case");
  const std::string mode = reader.text("mode");
  const Json& texts = reader.any("texts");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(captured.at, parse_rfc3339(at));
  CORDON_TRY(captured.mode, model::parse_mode(mode));
  if (!texts.is_array()) return fail(Errc::invalid, "texts is not a list");
  for (const Json& item : texts) {
    CORDON_TRY(CapturedText text, read_text(item));
    captured.texts.push_back(std::move(text));
  }
  return captured;
}

}  // namespace

std::string write(const CapturedExchange& exchange) {
  Json texts = Json::array();
  for (const CapturedText& text : exchange.texts) {
    texts.push_back({{"part", policy::to_string(text.part)}, {"text", text.text}});
  }
  return codec::write_json({{"exchange", exchange.exchange},
                            {"at", format_rfc3339(exchange.at)},
                            {"route", exchange.route},
                            {"provider", exchange.provider},
                            {"model", exchange.model},
                            {"tenant", exchange.tenant},
                            {"use_case", exchange.use_case},
                            {"mode", model::to_string(exchange.mode)},
                            {"texts", std::move(texts)}});
}

Result<CapturedExchange> read_captured(std::string_view bytes) {
  const auto json = codec::parse_json(bytes);
  if (!json) return fail(Errc::corrupt, json.error().detail);
  auto captured = read_exchange(*json);
  if (!captured) return fail(Errc::corrupt, std::move(captured).error().detail);
  return captured;
}

}  // namespace cordon::replay
