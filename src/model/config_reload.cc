#include "model/config_reload.h"

namespace cordon::model {
namespace {

bool same_place(const Listen& a, const Listen& b) noexcept {
  return a.address == b.address && a.port == b.port;
}

bool same_files(const Listen& a, const Listen& b) noexcept {
  return a.cert_file == b.cert_file && a.key_file == b.key_file && a.client_ca == b.client_ca &&
         a.client_cert == b.client_cert;
}

/// Collects the names of what differs.
class Differing {
 public:
  void add(std::string_view key, bool same) {
    if (!same) keys_.push_back(key);
  }
  [[nodiscard]] std::vector<std::string_view> take() && { return std::move(keys_); }

 private:
  std::vector<std::string_view> keys_;
};

}  // namespace

std::vector<std::string_view> keys_for_restart(const Config& running, const Config& wanted) {
  Differing keys;
  keys.add("node", running.node == wanted.node);
  keys.add("data_dir", running.data_dir == wanted.data_dir);
  keys.add("listen.gateway", same_place(running.gateway, wanted.gateway));
  keys.add("listen.control", same_place(running.control, wanted.control));
  keys.add("tls.gateway", same_files(running.gateway, wanted.gateway));
  keys.add("tls.control", same_files(running.control, wanted.control));
  keys.add("threads", running.threads == wanted.threads);
  keys.add("journal", running.journal == wanted.journal);
  keys.add("limits.connections_max",
           running.limits.connections_max == wanted.limits.connections_max);
  keys.add("detectors", running.detectors == wanted.detectors);
  keys.add("severity", running.severity == wanted.severity);
  keys.add("rota", running.escalation.rota == wanted.escalation.rota);
  keys.add("escalation", running.escalation.accept == wanted.escalation.accept &&
                             running.escalation.contain == wanted.escalation.contain);
  keys.add("connectors", running.connectors == wanted.connectors);
  keys.add("updates", running.updates == wanted.updates);
  return std::move(keys).take();
}

std::vector<std::string_view> keys_beside_generation(const Config& running, const Config& wanted) {
  Differing keys;
  keys.add("rulepacks", running.rulepacks == wanted.rulepacks);
  keys.add("ingest", running.ingest == wanted.ingest);
  keys.add("containment", running.containment == wanted.containment);
  keys.add("auto_containment", running.auto_containment == wanted.auto_containment);
  return std::move(keys).take();
}

}  // namespace cordon::model
