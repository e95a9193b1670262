// Handlers of health, metrics, the API's own document and the evidence log's public part.
#include "api/control_plane.h"
#include "api/handlers.h"

#include <fmt/format.h>

namespace cordon::api {

namespace embedded {
std::string_view openapi_json();
}  // namespace embedded

using codec::Json;

namespace {

Reply text_reply(std::string text) {
  return {200, {}, std::move(text)};
}

void gauge(std::string& out, std::string_view name, std::string_view help, double value) {
  out += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n{0} {2}\n", name, help, value);
}

/// Of the last change of each rulepack that was ordered, where it is known.
void append_ttpu(std::string& out, const ControlPlane& control) {
  constexpr std::string_view kName = "cordon_rulepack_ttpu_seconds";
  std::string samples;
  for (const auto& [name, history] : control.shelf().all()) {
    const auto time = time_to_update(history.back(), control.receipt(history.back().entry));
    if (!time) continue;
    samples += fmt::format("{}{{rulepack=\"{}\"}} {}\n", kName, name,
                           std::chrono::duration<double>(*time).count());
  }
  if (samples.empty()) return;
  out += fmt::format(
      "# HELP {0} From the order to the last node's acknowledgement\n"
      "# TYPE {0} gauge\n",
      kName);
  out += samples;
}

}  // namespace

net::Task<Result<Reply>> handle_livez(ControlPlane&, const Call&) {
  co_return text_reply("alive\n");
}

net::Task<Result<Reply>> handle_readyz(ControlPlane& control, const Call&) {
  const auto health = control.journal().health();
  const bool accepts = health == journal::Health::serving || health == journal::Health::degraded;
  if (!control.healthy()) {
    co_return fail(Errc::unavailable, "the journal cannot be followed; see the log");
  }
  if (!accepts) co_return fail(Errc::unavailable, "the journal does not accept entries");
  if (control.generation().number == 0) {
    co_return fail(Errc::unavailable, "no generation is in force yet");
  }
  co_return text_reply("ready\n");
}

net::Task<Result<Reply>> handle_metrics(ControlPlane& control, const Call&) {
  std::string out;
  std::size_t open = 0;
  std::size_t overdue = 0;
  for (const auto* incident : control.watch().desk().incidents()) {
    if (incident::is_open(incident->state)) ++open;
  }
  for (const auto* measure : control.measures().in_force()) {
    if (measure->state == containment::MeasureState::overdue) ++overdue;
  }
  const auto stats = control.journal().stats();
  gauge(out, "cordon_generation", "Number of the generation in force",
        static_cast<double>(control.generation().number));
  gauge(out, "cordon_incidents_open", "Incidents that are not closed, declined or merged",
        static_cast<double>(open));
  gauge(out, "cordon_containments_in_force", "Switches, modes and fallbacks in force",
        static_cast<double>(control.measures().in_force().size()));
  gauge(out, "cordon_containments_overdue", "Of these, past their expiry",
        static_cast<double>(overdue));
  gauge(out, "cordon_journal_entries_durable", "Entries on stable storage",
        static_cast<double>(control.journal().durable()));
  gauge(out, "cordon_journal_commits", "Commits since the start",
        static_cast<double>(stats.commits));
  gauge(out, "cordon_log_size", "Entries in the Merkle tree",
        static_cast<double>(control.log().size()));
  const IngestCounts& ingested = control.ingest_counts();
  out +=
      "# HELP cordon_ingest_alerts_total Alerts of other systems, by what became of them\n"
      "# TYPE cordon_ingest_alerts_total counter\n";
  for (const auto& [outcome, count] :
       {std::pair("taken", ingested.taken), std::pair("repeated", ingested.repeated),
        std::pair("ended", ingested.ended), std::pair("refused", ingested.refused),
        std::pair("left_out", ingested.left_out)}) {
    out += fmt::format("cordon_ingest_alerts_total{{outcome=\"{}\"}} {}\n", outcome, count);
  }
  append_ttpu(out, control);
  co_return text_reply(std::move(out));
}

net::Task<Result<Reply>> handle_openapi(ControlPlane&, const Call&) {
  auto document = codec::parse_json(embedded::openapi_json());
  if (!document) co_return tl::make_unexpected(document.error());
  co_return Reply{200, *std::move(document), {}};
}

net::Task<Result<Reply>> handle_checkpoint(ControlPlane& control, const Call&) {
  auto note = control.log().checkpoint();
  if (!note) co_return tl::make_unexpected(note.error());
  co_return text_reply(*std::move(note));
}

net::Task<Result<Reply>> handle_vkey(ControlPlane& control, const Call&) {
  co_return text_reply(control.log().verifier().text() + "\n");
}

}  // namespace cordon::api
