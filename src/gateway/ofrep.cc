#include "gateway/internal/ofrep.h"

#include "base/hex.h"
#include "base/percent.h"
#include "codec/json.h"
#include "crypto/sha256.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace cordon::gateway {
namespace {

using codec::Json;

constexpr std::string_view kParseError = "PARSE_ERROR";
constexpr std::string_view kInvalidContext = "INVALID_CONTEXT";
constexpr std::string_view kNotFound = "FLAG_NOT_FOUND";
constexpr std::string_view kGeneral = "GENERAL";

/// An answer, whole.
struct Answer {
  int status = 200;
  std::string body;
  std::string etag = {};
  bool retry_later = false;
};

/// False if the member is there and no string that fits.
bool take_text(const Json& context, const char* name, std::size_t bytes_max, std::string& into) {
  const auto found = context.find(name);
  if (found == context.end()) return true;
  if (!found->is_string()) return false;
  const auto& text = found->get_ref<const std::string&>();
  if (text.size() > bytes_max) return false;
  into = text;
  return true;
}

/// Who asks for what, once it has been read.
struct Question {
  const containment::Effective& effective;
  model::Place place;
};

Json evaluated(const Question& question, const model::Flag& flag, ThreadMetrics& counters) {
  const auto forbidden = question.effective.forbids_flag(flag, question.place);
  const bool on = flag.enabled && !forbidden;
  (on ? counters.flags_on : counters.flags_off).add();
  Json json{{"key", flag.name},
            {"value", on},
            {"variant", on ? "on" : "off"},
            {"reason", forbidden ? "TARGETING_MATCH" : "STATIC"}};
  if (forbidden) json["metadata"] = Json{{"measure_id", forbidden->measure_id}};
  return json;
}

Answer failed(int status, std::string_view code, std::string_view details,
              const std::optional<std::string>& key) {
  Json json = Json::object();
  if (key) json["key"] = *key;
  json["errorCode"] = code;
  json["errorDetails"] = details;
  return {status, codec::write_json(json)};
}

Answer evaluate_one(const Question& question, const std::string& key, ThreadMetrics& counters) {
  const model::Flag* const flag = question.effective.flag(key);
  if (flag == nullptr) return failed(404, kNotFound, "No flag of this name is configured.", key);
  return {200, codec::write_json(evaluated(question, *flag, counters))};
}

Answer evaluate_all(const Question& question, std::string_view if_none_match,
                    ThreadMetrics& counters) {
  Json flags = Json::array();
  for (const model::Flag& flag : question.effective.generation().flags) {
    flags.push_back(evaluated(question, flag, counters));
  }
  Answer answer{200, codec::write_json(Json{{"flags", std::move(flags)}})};
  answer.etag = fmt::format("\"{}\"", to_hex(crypto::sha256(answer.body)).substr(0, 32));
  if (matches_etag(if_none_match, answer.etag)) {
    answer.status = 304;
    answer.body.clear();
  }
  return answer;
}

bool is_json_type(std::string_view content_type) noexcept {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return net::equal_ignoring_case(type, "application/json");
}

/// The key of a path below kFlagsPath; nothing for the path of all flags.
struct Asked {
  bool one = false;
  std::optional<std::string> key;  ///< nothing, of one: its encoding is broken
};
Asked asked_by(std::string_view path) {
  if (path == kFlagsPath) return {};
  return {true, flag_of_path(path)};
}

/// What is wrong with the head, before the body is read: who calls, and how.
std::optional<Answer> refuse_head(const net::RequestHead& head, const Worker& worker,
                                  const Asked& asked) {
  if (!worker.obeyed) {
    Answer answer = failed(503, kGeneral, "No generation is in force yet.", asked.key);
    answer.retry_later = true;
    return answer;
  }
  const Presented presented = key_of(head);
  if (!presented.fault.empty()) return failed(400, kGeneral, presented.fault, asked.key);
  const containment::Effective& effective = worker.obeyed->effective();
  if (effective.caller_of(presented.key, worker.clock).tenant == nullptr) {
    return failed(401, kGeneral, "The key is missing, or nobody's.", asked.key);
  }
  const std::string_view encoding = head.header("content-encoding");
  const std::string_view type = head.header("content-type");
  const bool plain = encoding.empty() || net::equal_ignoring_case(encoding, "identity");
  if (!plain || (!type.empty() && !is_json_type(type))) {
    return failed(415, kParseError, "The body must be application/json without an encoding.",
                  asked.key);
  }
  if (asked.one && !asked.key) {
    return failed(400, kParseError, "The path is not percent-encoded as RFC 3986 has it.", "");
  }
  return std::nullopt;
}

/// The generation in force may have changed while the body came in, so all is asked of it here.
Answer evaluate(const net::RequestHead& head, std::string_view body, const Worker& worker,
                const Asked& asked) {
  const containment::Effective& effective = worker.obeyed->effective();
  const containment::Caller caller = effective.caller_of(key_of(head).key, worker.clock);
  if (caller.tenant == nullptr) return failed(401, kGeneral, "The key is nobody's.", asked.key);
  const auto context = read_flag_context(body);
  if (!context) return failed(400, context.error().code, context.error().details, asked.key);
  const bool there = context->route.empty() || (effective.route(context->route) != nullptr &&
                                                effective.may_use(caller, context->route));
  if (!there) {
    return failed(400, kInvalidContext, "'context.route' is no route of this tenant.", asked.key);
  }
  Question question{effective, {}};
  question.place.tenant = caller.tenant->name;
  question.place.route = context->route;
  question.place.use_case = context->use_case;
  if (asked.one) return evaluate_one(question, *asked.key, worker.counters);
  return evaluate_all(question, head.header("if-none-match"), worker.counters);
}

net::Task<void> respond(Worker& worker, net::ServerExchange& client, Answer answer) {
  if (answer.status >= 400) worker.counters.flags_refused.add();
  const std::string generation =
      worker.obeyed ? std::to_string(worker.obeyed->effective().generation().number) : "";
  std::vector<net::Header> headers;
  if (answer.status != 304) headers.push_back({"content-type", "application/json"});
  if (!generation.empty()) headers.push_back({"x-cordon-generation", generation});
  if (!answer.etag.empty()) headers.push_back({"etag", answer.etag});
  if (answer.status == 405) headers.push_back({"allow", "POST"});
  if (answer.retry_later) headers.push_back({"retry-after", "1"});
  (void)co_await client.respond(answer.status, headers, answer.body);
}

}  // namespace

bool is_flags_path(std::string_view path) noexcept {
  return path.starts_with(kFlagsPath) &&
         (path.size() == kFlagsPath.size() || path[kFlagsPath.size()] == '/');
}

std::optional<std::string> flag_of_path(std::string_view path) {
  path.remove_prefix(std::min(path.size(), kFlagsPath.size() + 1));
  return percent_decoded(path);
}

tl::expected<FlagContext, FlagFault> read_flag_context(std::string_view body) {
  FlagContext read;
  if (body.empty()) return read;
  codec::JsonLimits limits;
  limits.bytes_max = kFlagBodyBytesMax;
  const auto json = codec::parse_json(body, limits);
  if (!json || !json->is_object()) {
    return tl::make_unexpected(FlagFault{
        kParseError, "The body must be one JSON object without repeated keys, 64 deep at most."});
  }
  const auto context = json->find("context");
  if (context == json->end()) return read;
  if (!context->is_object()) {
    return tl::make_unexpected(FlagFault{kInvalidContext, "'context' must be an object."});
  }
  std::string targeting_key;
  if (!take_text(*context, "targetingKey", kFlagBodyBytesMax, targeting_key)) {
    return tl::make_unexpected(
        FlagFault{kInvalidContext, "'context.targetingKey' must be a string."});
  }
  if (!take_text(*context, "route", model::kScopeValueBytesMax, read.route) ||
      !take_text(*context, "use_case", model::kScopeValueBytesMax, read.use_case)) {
    return tl::make_unexpected(
        FlagFault{kInvalidContext,
                  "'context.route' and 'context.use_case' must be strings of at most 128 bytes."});
  }
  return read;
}

bool matches_etag(std::string_view field, std::string_view etag) noexcept {
  while (!field.empty()) {
    const std::size_t comma = field.find(',');
    std::string_view one = field.substr(0, comma);
    field.remove_prefix(comma == field.npos ? field.size() : comma + 1);
    while (one.starts_with(' ') || one.starts_with('\t')) one.remove_prefix(1);
    while (one.ends_with(' ') || one.ends_with('\t')) one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || one == etag) return true;
  }
  return false;
}

net::Task<void> serve_flags(Worker& worker, net::ServerExchange& client) {
  const net::RequestHead& head = client.request();
  const Asked asked = asked_by(head.path);
  Answer answer;
  if (head.method != "POST") {
    answer = failed(405, kGeneral, "Flags are asked for with POST.", asked.key);
    co_return co_await respond(worker, client, std::move(answer));
  }
  if (auto refused = refuse_head(head, worker, asked)) {
    answer = *std::move(refused);
    co_return co_await respond(worker, client, std::move(answer));
  }
  const auto body = co_await client.read_body(kFlagBodyBytesMax);
  if (!body) co_return;
  answer = evaluate(head, *body, worker, asked);
  co_await respond(worker, client, std::move(answer));
}

}  // namespace cordon::gateway
