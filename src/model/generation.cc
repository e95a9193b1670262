#include "model/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace cordon::model {
namespace {

using codec::Json;
using codec::ObjectReader;

constexpr std::array<std::string_view, 4> kMeasures = {"switch", "mode", "fallback", "rollback"};
constexpr std::array<std::string_view, 3> kChoices = {"ordered", "weighted", "least_latency"};
constexpr std::size_t kUrlBytesMax = 512;

bool is_host(std::string_view host) noexcept {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':';
  });
}

bool is_prefix(std::string_view prefix) noexcept {
  return std::all_of(prefix.begin(), prefix.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '?' && c != '#' && c != '@' && c != '"' && c != '\\';
  });
}

template <class T, class Write>
Json list_of(const std::vector<T>& items, Write write) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(write(item));
  return list;
}

Json to_json(const Target& target) {
  Json json{{"provider", target.provider}, {"model", target.model}};
  if (target.weight != 1) json["weight"] = target.weight;
  return json;
}

Json to_json(const Breaker& breaker) {
  return Json{{"enabled", breaker.enabled},         {"failure_percent", breaker.failure_percent},
              {"samples_min", breaker.samples_min}, {"window_ms", breaker.window.count()},
              {"open_ms", breaker.open.count()},    {"open_max_ms", breaker.open_max.count()},
              {"probes", breaker.probes},           {"slow_start_ms", breaker.slow_start.count()}};
}

Json to_json(const Retry& retry) {
  return Json{{"attempts_max", retry.attempts_max},
              {"backoff_ms", retry.backoff.count()},
              {"backoff_max_ms", retry.backoff_max.count()},
              {"wait_max_ms", retry.wait_max.count()}};
}

/// What is as the defaults have it is left out, so a generation keeps its digest.
Json to_json(const Provider& provider) {
  Json json{{"name", provider.name},
            {"dialect", to_string(provider.dialect)},
            {"base_url", provider.endpoint.text()},
            {"ca_file", provider.ca_file},
            {"connect_ms", provider.timeouts.connect.count()},
            {"first_byte_ms", provider.timeouts.first_byte.count()},
            {"idle_ms", provider.timeouts.idle.count()}};
  if (provider.breaker != Breaker{}) json["breaker"] = to_json(provider.breaker);
  if (provider.retry_budget != RetryBudget{}) {
    json["retry_budget"] =
        Json{{"percent", provider.retry_budget.percent}, {"floor", provider.retry_budget.floor}};
  }
  return json;
}

Json to_json(const Route& route) {
  const auto targets = [](const std::vector<Target>& all) {
    return list_of(all, [](const Target& target) { return to_json(target); });
  };
  const auto packs = [](const std::vector<RulepackRef>& all) {
    return list_of(all, [](const RulepackRef& pack) {
      return Json{{"name", pack.name}, {"digest", pack.digest}};
    });
  };
  Json json{{"name", route.name},
            {"targets", targets(route.targets)},
            {"fallback", targets(route.fallback)},
            {"rulepacks", packs(route.rulepacks)},
            {"mode", to_string(route.mode)},
            {"durability", to_string(route.durability)}};
  if (route.fallback_rulepacks) json["fallback_rulepacks"] = packs(*route.fallback_rulepacks);
  if (route.capture == Capture::on) json["capture"] = true;
  if (route.uninspected == Uninspected::pass) json["pass_uninspected"] = true;
  if (route.retry != Retry{}) json["retry"] = to_json(route.retry);
  if (route.choice != Choice::ordered) json["choice"] = to_string(route.choice);
  if (route.on_cut == OnCut::error) json["error_on_cut"] = true;
  if (route.translate == Translate::on) json["translate"] = true;
  return json;
}

Json to_json(const MeasureInForce& measure) {
  Json json{
      {"id", measure.id}, {"measure", to_string(measure.measure)}, {"scope", measure.scope.text()}};
  if (measure.measure == Measure::mode) json["mode"] = to_string(measure.mode);
  return json;
}

Json to_json(const Tenant& tenant) {
  Json json{{"name", tenant.name}, {"key_sha256", tenant.key_sha256}, {"routes", tenant.routes}};
  if (tenant.limits.any()) json["limits"] = write_usage_limits(tenant.limits);
  if (!tenant.key_limits.empty()) {
    json["key_limits"] = list_of(tenant.key_limits, [](const KeyLimits& each) {
      return Json{{"sha256", each.sha256}, {"limits", write_usage_limits(each.limits)}};
    });
  }
  return json;
}

Json prices_json(const Prices& prices) {
  return Json{{"currency", prices.currency},
              {"list", list_of(prices.list, [](const Price& price) {
                 return Json{{"provider", price.provider},
                             {"model", price.model},
                             {"effective_from", format_rfc3339(price.effective_from)},
                             {"input", price.input},
                             {"cached_input", price.cached_input},
                             {"cache_write", price.cache_write},
                             {"output", price.output}};
               })}};
}

Json to_json(const IssuedKey& key) {
  Json json{{"id", key.id}, {"tenant", key.tenant}, {"sha256", key.sha256}, {"routes", key.routes}};
  if (key.expires_at) json["expires_at"] = format_rfc3339(*key.expires_at);
  if (key.limits.any()) json["limits"] = write_usage_limits(key.limits);
  return json;
}

Json to_json(const Limits& limits) {
  return Json{{"body_bytes_max", limits.body_bytes_max},
              {"answer_bytes_max", limits.answer_bytes_max},
              {"connections_max", limits.connections_max},
              {"exchanges_max", limits.exchanges_max},
              {"exchange_time_max_ms", limits.exchange_time_max.count()}};
}

/// Reads each item of a list with `read`; the list must be there.
template <class T, class Read>
Result<std::vector<T>> read_list(const Json& value, std::string_view what, Read read) {
  if (!value.is_array()) return fail(Errc::invalid, fmt::format("{} is not a list", what));
  std::vector<T> items;
  items.reserve(value.size());
  for (const Json& item : value) {
    CORDON_TRY(T parsed, read(item));
    items.push_back(std::move(parsed));
  }
  return items;
}

Result<std::string> read_text(const Json& value) {
  if (!value.is_string()) return fail(Errc::invalid, "a list holds something besides texts");
  return value.get<std::string>();
}

template <class T>
T bounded(std::int64_t value, bool& fits) {
  fits = fits && std::in_range<T>(value);
  return static_cast<T>(value);
}

Result<Target> read_target(const Json& value) {
  ObjectReader reader(value, "target");
  Target target{reader.text("provider"), reader.text("model")};
  bool fits = true;
  target.weight = bounded<std::uint32_t>(reader.integer_or("weight", 1), fits);
  CORDON_CHECK(reader.finish());
  if (!fits) return fail(Errc::invalid, "target: weight is out of range");
  return target;
}

/// Numbers of one object that must each fit its field.
class Numbers {
 public:
  Numbers(const Json& value, std::string_view what) : reader_(value, std::string(what)) {}
  std::uint32_t count(std::string_view key) {
    return bounded<std::uint32_t>(reader_.integer(key), fits_);
  }
  std::chrono::milliseconds time(std::string_view key) {
    return std::chrono::milliseconds(reader_.integer(key));
  }
  bool boolean(std::string_view key) { return reader_.boolean_or(key, true); }
  [[nodiscard]] Status finish(std::string_view what) {
    CORDON_CHECK(reader_.finish());
    if (!fits_) return fail(Errc::invalid, fmt::format("{}: a number is out of range", what));
    return {};
  }

 private:
  ObjectReader reader_;
  bool fits_ = true;
};

Status read_breaker(const Json& value, Breaker& breaker) {
  Numbers numbers(value, "breaker");
  breaker.enabled = numbers.boolean("enabled");
  breaker.failure_percent = numbers.count("failure_percent");
  breaker.samples_min = numbers.count("samples_min");
  breaker.window = numbers.time("window_ms");
  breaker.open = numbers.time("open_ms");
  breaker.open_max = numbers.time("open_max_ms");
  breaker.probes = numbers.count("probes");
  breaker.slow_start = numbers.time("slow_start_ms");
  return numbers.finish("breaker");
}

Status read_retry_budget(const Json& value, RetryBudget& budget) {
  Numbers numbers(value, "retry_budget");
  budget.percent = numbers.count("percent");
  budget.floor = numbers.count("floor");
  return numbers.finish("retry_budget");
}

Status read_retry(const Json& value, Retry& retry) {
  Numbers numbers(value, "retry");
  retry.attempts_max = numbers.count("attempts_max");
  retry.backoff = numbers.time("backoff_ms");
  retry.backoff_max = numbers.time("backoff_max_ms");
  retry.wait_max = numbers.time("wait_max_ms");
  return numbers.finish("retry");
}

Result<RulepackRef> read_rulepack(const Json& value) {
  ObjectReader reader(value, "rulepack");
  RulepackRef pack{reader.text("name"), reader.text("digest")};
  CORDON_CHECK(reader.finish());
  return pack;
}

Result<Provider> read_provider(const Json& value) {
  ObjectReader reader(value, "provider");
  Provider provider;
  provider.name = reader.text("name");
  const std::string dialect = reader.text("dialect");
  const std::string url = reader.text("base_url");
  provider.ca_file = reader.text("ca_file");
  provider.timeouts.connect = std::chrono::milliseconds(reader.integer("connect_ms"));
  provider.timeouts.first_byte = std::chrono::milliseconds(reader.integer("first_byte_ms"));
  provider.timeouts.idle = std::chrono::milliseconds(reader.integer("idle_ms"));
  const Json& breaker = reader.any("breaker");
  const Json& budget = reader.any("retry_budget");
  CORDON_CHECK(reader.finish());
  if (!breaker.is_null()) {
    CORDON_CHECK(read_breaker(breaker, provider.breaker));
  }
  if (!budget.is_null()) {
    CORDON_CHECK(read_retry_budget(budget, provider.retry_budget));
  }
  CORDON_TRY(provider.dialect, parse_dialect(dialect));
  CORDON_TRY(provider.endpoint, Endpoint::parse(url));
  return provider;
}

Result<Route> read_route(const Json& value) {
  ObjectReader reader(value, "route");
  Route route;
  route.name = reader.text("name");
  const Json& targets = reader.any("targets");
  const Json& fallback = reader.any("fallback");
  const Json& rulepacks = reader.any("rulepacks");
  const bool has_own = value.is_object() && value.contains("fallback_rulepacks");
  const Json& fallback_rulepacks = has_own ? reader.any("fallback_rulepacks") : rulepacks;
  const std::string mode = reader.text("mode");
  const std::string durability = reader.text("durability");
  route.capture = reader.boolean_or("capture", false) ? Capture::on : Capture::off;
  const bool pass = reader.boolean_or("pass_uninspected", false);
  route.uninspected = pass ? Uninspected::pass : Uninspected::refuse;
  const Json& retry = reader.any("retry");
  const std::string choice = reader.text_or("choice", "ordered");
  const bool error_on_cut = reader.boolean_or("error_on_cut", false);
  route.on_cut = error_on_cut ? OnCut::error : OnCut::next_target;
  route.translate = reader.boolean_or("translate", false) ? Translate::on : Translate::off;
  CORDON_CHECK(reader.finish());
  if (!retry.is_null()) {
    CORDON_CHECK(read_retry(retry, route.retry));
  }
  CORDON_TRY(route.choice, parse_choice(choice));
  if (has_own) {
    CORDON_TRY(route.fallback_rulepacks,
               read_list<RulepackRef>(fallback_rulepacks, "fallback_rulepacks", read_rulepack));
  }
  CORDON_TRY(route.targets, read_list<Target>(targets, "targets", read_target));
  CORDON_TRY(route.fallback, read_list<Target>(fallback, "fallback", read_target));
  CORDON_TRY(route.rulepacks, read_list<RulepackRef>(rulepacks, "rulepacks", read_rulepack));
  CORDON_TRY(route.mode, parse_mode(mode));
  CORDON_TRY(route.durability, parse_durability(durability));
  if (route.targets.size() > kTargetsMax || route.fallback.size() > kTargetsMax) {
    return fail(Errc::invalid, fmt::format("a route has more than {} targets", kTargetsMax));
  }
  return route;
}

Result<KeyLimits> read_key_limits(const Json& value) {
  ObjectReader reader(value, "key_limits");
  KeyLimits key{reader.text("sha256"), {}};
  const Json& limits = reader.any("limits");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(key.limits, read_usage_limits(limits));
  return key;
}

Result<Price> read_price(const Json& value) {
  ObjectReader reader(value, "price");
  Price price{reader.text("provider"), reader.text("model")};
  const std::string from = reader.text("effective_from");
  bool fits = true;
  for (auto [key, amount] :
       {std::pair("input", &price.input), std::pair("cached_input", &price.cached_input),
        std::pair("cache_write", &price.cache_write), std::pair("output", &price.output)}) {
    *amount = bounded<std::uint64_t>(reader.integer(key), fits);
    fits = fits && *amount <= kPriceMax;
  }
  CORDON_CHECK(reader.finish());
  if (!fits) return fail(Errc::invalid, "price: a number is out of range");
  CORDON_TRY(price.effective_from, parse_rfc3339(from));
  return price;
}

Result<Prices> read_prices(const Json& value) {
  ObjectReader reader(value, "prices");
  Prices prices;
  prices.currency = reader.text("currency");
  const Json& list = reader.any("list");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(prices.list, read_list<Price>(list, "prices", read_price));
  return prices;
}

Result<Tenant> read_tenant(const Json& value) {
  ObjectReader reader(value, "tenant");
  Tenant tenant;
  tenant.name = reader.text("name");
  const Json& keys = reader.any("key_sha256");
  const Json& routes = reader.any("routes");
  const Json& limits = reader.any("limits");
  const Json& key_limits = reader.any("key_limits");
  CORDON_CHECK(reader.finish());
  if (!limits.is_null()) {
    CORDON_TRY(tenant.limits, read_usage_limits(limits));
  }
  if (!key_limits.is_null()) {
    CORDON_TRY(tenant.key_limits, read_list<KeyLimits>(key_limits, "key_limits", read_key_limits));
  }
  CORDON_TRY(tenant.key_sha256, read_list<std::string>(keys, "key_sha256", read_text));
  CORDON_TRY(tenant.routes, read_list<std::string>(routes, "routes", read_text));
  return tenant;
}

Result<IssuedKey> read_key(const Json& value) {
  ObjectReader reader(value, "key");
  IssuedKey key;
  key.id = reader.text("id");
  key.tenant = reader.text("tenant");
  key.sha256 = reader.text("sha256");
  const Json& routes = reader.any("routes");
  const auto expires_at = reader.optional_text("expires_at");
  const Json& limits = reader.any("limits");
  CORDON_CHECK(reader.finish());
  if (!limits.is_null()) {
    CORDON_TRY(key.limits, read_usage_limits(limits));
  }
  CORDON_TRY(key.routes, read_list<std::string>(routes, "routes", read_text));
  if (expires_at) {
    CORDON_TRY(key.expires_at, parse_rfc3339(*expires_at));
  }
  return key;
}

Result<Flag> read_flag(const Json& value) {
  ObjectReader reader(value, "flag");
  Flag flag;
  flag.name = reader.text("name");
  const Json& enabled = reader.any("enabled");
  CORDON_CHECK(reader.finish());
  if (!enabled.is_boolean()) return fail(Errc::invalid, "flag: enabled is not true or false");
  flag.enabled = enabled.get<bool>();
  return flag;
}

Result<MeasureInForce> read_measure(const Json& value) {
  ObjectReader reader(value, "measure");
  MeasureInForce measure;
  measure.id = reader.text("id");
  const std::string kind = reader.text("measure");
  const std::string scope = reader.text("scope");
  const std::optional<std::string> mode = reader.optional_text("mode");
  CORDON_CHECK(reader.finish());
  CORDON_TRY(measure.measure, parse_measure(kind));
  CORDON_TRY(measure.scope, Scope::parse(scope));
  if (mode.has_value() != (measure.measure == Measure::mode)) {
    return fail(Errc::invalid, "measure: only a mode has a mode, and it always has one");
  }
  if (mode) {
    CORDON_TRY(measure.mode, parse_mode(*mode));
  }
  return measure;
}

Result<Limits> read_limits(const Json& value) {
  ObjectReader reader(value, "limits");
  Limits limits;
  bool fits = true;
  limits.body_bytes_max = bounded<std::uint64_t>(reader.integer("body_bytes_max"), fits);
  limits.answer_bytes_max = bounded<std::uint64_t>(reader.integer("answer_bytes_max"), fits);
  limits.connections_max = bounded<std::uint32_t>(reader.integer("connections_max"), fits);
  limits.exchanges_max = bounded<std::uint32_t>(reader.integer("exchanges_max"), fits);
  limits.exchange_time_max = std::chrono::milliseconds(reader.integer("exchange_time_max_ms"));
  CORDON_CHECK(reader.finish());
  if (!fits) return fail(Errc::invalid, "limits: a number is out of range");
  return limits;
}

Result<Generation> read_generation(const Json& value) {
  ObjectReader reader(value, "generation");
  const std::int64_t version = reader.integer("v");
  const std::int64_t number = reader.integer("number");
  const Json& providers = reader.any("providers");
  const Json& routes = reader.any("routes");
  const Json& tenants = reader.any("tenants");
  const Json& flags = reader.any("flags");
  const Json& measures = reader.any("measures");
  const Json& limits = reader.any("limits");
  const Json& keys = reader.any("keys");
  const Json& prices = reader.any("prices");
  CORDON_CHECK(reader.finish());
  if (version != 1) return fail(Errc::invalid, fmt::format("generation: v is {}, not 1", version));
  if (number < 0) return fail(Errc::invalid, "generation: number is negative");
  Generation generation;
  generation.number = static_cast<std::uint64_t>(number);
  CORDON_TRY(generation.providers, read_list<Provider>(providers, "providers", read_provider));
  CORDON_TRY(generation.routes, read_list<Route>(routes, "routes", read_route));
  CORDON_TRY(generation.tenants, read_list<Tenant>(tenants, "tenants", read_tenant));
  CORDON_TRY(generation.flags, read_list<Flag>(flags, "flags", read_flag));
  CORDON_TRY(generation.measures, read_list<MeasureInForce>(measures, "measures", read_measure));
  CORDON_TRY(generation.limits, read_limits(limits));
  if (!prices.is_null()) {
    CORDON_TRY(generation.prices, read_prices(prices));
  }
  if (!keys.is_null()) {
    CORDON_TRY(generation.keys, read_list<IssuedKey>(keys, "keys", read_key));
  }
  return generation;
}

}  // namespace

std::string_view to_string(Dialect dialect) noexcept {
  return dialect == Dialect::anthropic ? "anthropic" : "openai";
}
Result<Dialect> parse_dialect(std::string_view text) {
  if (text == "openai") return Dialect::openai;
  if (text == "anthropic") return Dialect::anthropic;
  return fail(Errc::invalid, fmt::format("unknown dialect '{}', expected one of openai, anthropic",
                                         text.substr(0, 64)));
}

std::string_view to_string(Choice choice) noexcept {
  return kChoices[static_cast<std::size_t>(choice)];
}
Result<Choice> parse_choice(std::string_view text) {
  const auto found = std::find(kChoices.begin(), kChoices.end(), text);
  if (found != kChoices.end()) return static_cast<Choice>(found - kChoices.begin());
  return fail(Errc::invalid,
              fmt::format("unknown choice '{}', expected one of ordered, weighted, least_latency",
                          text.substr(0, 64)));
}

std::string_view to_string(Measure measure) noexcept {
  return kMeasures[static_cast<std::size_t>(measure)];
}
Result<Measure> parse_measure(std::string_view text) {
  const auto found = std::find(kMeasures.begin(), kMeasures.end(), text);
  if (found != kMeasures.end()) return static_cast<Measure>(found - kMeasures.begin());
  return fail(Errc::invalid,
              fmt::format("unknown measure '{}', expected one of switch, mode, fallback, "
                          "rollback",
                          text.substr(0, 64)));
}

Result<Endpoint> Endpoint::parse(std::string_view url) {
  const auto refuse = [] {
    return fail(Errc::invalid,
                "expected a base URL like https://api.example.com/v1 without "
                "user, query or fragment");
  };
  Endpoint endpoint;
  if (url.size() > kUrlBytesMax) return refuse();
  if (url.starts_with("https://")) {
    endpoint.tls = true;
    endpoint.port = 443;
    url.remove_prefix(8);
  } else if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else {
    return refuse();
  }
  const std::size_t slash = url.find('/');
  std::string_view authority = url.substr(0, slash);
  std::string_view prefix = slash == url.npos ? std::string_view() : url.substr(slash);
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (!is_prefix(prefix)) return refuse();
  endpoint.prefix = std::string(prefix);

  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == authority.npos) return refuse();
    port = authority.substr(close + 1);
    authority = authority.substr(1, close - 1);
    if (authority.find(':') == authority.npos) return refuse();
  } else if (const std::size_t colon = authority.find(':'); colon != authority.npos) {
    port = authority.substr(colon);
    authority = authority.substr(0, colon);
  }
  if (!is_host(authority)) return refuse();
  endpoint.host = std::string(authority);
  if (!port.empty()) {
    const char* const end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data() + 1, end, endpoint.port);
    if (port[0] != ':' || error != std::errc() || stop != end || endpoint.port == 0) {
      return refuse();
    }
  }
  return endpoint;
}

std::string Endpoint::text() const {
  const bool six = host.find(':') != host.npos;
  return fmt::format("{}://{}{}{}:{}{}", tls ? "https" : "http", six ? "[" : "", host,
                     six ? "]" : "", port, prefix);
}

Json Generation::to_json() const {
  const auto write = [](const auto& item) { return model::to_json(item); };
  Json json{{"v", 1},
            {"number", number},
            {"providers", list_of(providers, write)},
            {"routes", list_of(routes, write)},
            {"tenants", list_of(tenants, write)},
            {"flags", list_of(flags,
                              [](const Flag& flag) {
                                return Json{{"name", flag.name}, {"enabled", flag.enabled}};
                              })},
            {"measures", list_of(measures, write)},
            {"limits", model::to_json(limits)}};
  if (!prices.list.empty()) json["prices"] = prices_json(prices);
  if (!keys.empty()) json["keys"] = list_of(keys, write);
  return json;
}

Result<Generation> Generation::from_json(const Json& value) {
  auto generation = read_generation(value);
  if (!generation) return fail(Errc::corrupt, std::move(generation).error().detail);
  return generation;
}

}  // namespace cordon::model
