#include "api/internal/flight_job.h"

#include <algorithm>
#include <map>
#include <set>

namespace cordon::api::internal {
namespace {

bool is_in(const FlightScope& scope, const replay::CapturedExchange& exchange) {
  if (exchange.at < scope.from) return false;
  const model::Place place = exchange.place();
  return std::any_of(scope.scopes.begin(), scope.scopes.end(),
                     [&](const model::Scope& each) { return each.covers(place); });
}

std::size_t bytes_of_texts(const replay::CapturedExchange& exchange) {
  std::size_t bytes = 256;
  for (const replay::CapturedText& text : exchange.texts) bytes += text.text.size();
  return bytes;
}

/// Lines of JSON, as they were frozen.
Status read_frozen(const FlightScope& scope, const store::Vault& vault,
                   std::vector<replay::CapturedExchange>& into) {
  const auto frozen = vault.get(frozen_name(scope.incident));
  if (!frozen) {
    if (frozen.error().code == Errc::not_found) return {};
    return tl::make_unexpected(frozen.error());
  }
  std::string_view rest = *frozen;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    CORDON_TRY(auto exchange, replay::read_captured(rest.substr(0, end)));
    into.push_back(std::move(exchange));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

/// The ids of the rules of a class that found something, joined; empty when none did.
std::string found_by(const replay::CapturedText& text, const policy::Engine& engine,
                     model::IncidentClass of_class) {
  const policy::Decision decision = engine.scan(text.part, model::Mode::standard, text.text);
  std::set<std::string> rules;
  for (const policy::Finding& finding : decision.findings) {
    const policy::Rule& rule = engine.rule(finding.rule);
    if (rule.incident_class == of_class) rules.insert(rule.id);
  }
  std::string key;
  for (const std::string& rule : rules) key += rule + " ";
  return key;
}

}  // namespace

std::string frozen_name(const std::string& incident) {
  return "FR-" + incident.substr(incident.find('-') + 1);
}

Result<std::vector<replay::CapturedExchange>> gather(const FlightScope& scope,
                                                     const store::FlightReader& ring,
                                                     const store::Vault& vault) {
  std::vector<replay::CapturedExchange> all;
  CORDON_CHECK(read_frozen(scope, vault, all));
  std::set<std::string> known;
  for (const replay::CapturedExchange& exchange : all) known.insert(exchange.exchange);
  const auto visit = [&](std::string record) {
    auto exchange = replay::read_captured(record);
    // A record that is not one was written by another version: it says nothing here.
    if (exchange && is_in(scope, *exchange) && known.insert(exchange->exchange).second) {
      all.push_back(*std::move(exchange));
    }
    return true;
  };
  CORDON_CHECK(ring.read(visit));
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.at != b.at ? a.at < b.at : a.exchange < b.exchange;
  });
  std::size_t bytes = 0;
  auto first = all.end();
  while (first != all.begin() && bytes + bytes_of_texts(*std::prev(first)) <= kFrozenBytesMax) {
    bytes += bytes_of_texts(*--first);
  }
  all.erase(all.begin(), first);
  return all;
}

Result<std::uint64_t> freeze_flight(const FlightScope& scope, const store::FlightReader& ring,
                                    store::Vault& vault) {
  CORDON_TRY(const auto all, gather(scope, ring, vault));
  std::string lines;
  for (const replay::CapturedExchange& exchange : all) lines += replay::write(exchange) + "\n";
  CORDON_CHECK(vault.put(frozen_name(scope.incident), lines));
  return all.size();
}

std::vector<replay::Case> cases_of(const std::vector<replay::CapturedExchange>& captured,
                                   const replay::ReplayTest& test, const policy::Engine& engine,
                                   const std::vector<std::string>& named) {
  std::vector<replay::Case> cases;
  std::map<std::string, std::size_t> alike;
  for (const replay::CapturedExchange& exchange : captured) {
    if (exchange.route != test.route) continue;
    const bool asked = std::find(named.begin(), named.end(), exchange.exchange) != named.end();
    for (const replay::CapturedText& text : exchange.texts) {
      if (text.text.empty() || text.text.size() > replay::kCaseBytesMax) continue;
      const std::string key = found_by(text, engine, test.incident_class);
      if (!asked && (key.empty() || alike[key] >= kCapturedAlike)) continue;
      if (cases.size() >= kCapturedCases && !asked) continue;
      ++alike[key];
      replay::Case one;
      one.source = replay::Source::capture;
      one.exchange = exchange.exchange;
      one.part = text.part;
      one.text = text.text;
      cases.push_back(std::move(one));
    }
  }
  return cases;
}

}  // namespace cordon::api::internal
