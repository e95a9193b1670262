#include "cli/internal/demo_stage.h"

#include "base/assert.h"
#include "cli/internal/demo_control.h"
#include "cli/internal/session.h"
#include "codec/base64.h"
#include "crypto/sha256.h"

#include <array>
#include <charconv>
#include <csignal>
#include <fstream>

namespace cordon::cli::internal {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMarker = ".cordon-demo";
constexpr std::chrono::milliseconds kLookAgain{30};
constexpr std::chrono::seconds kStartWithin{20};
constexpr std::chrono::seconds kStopWithin{20};
constexpr std::size_t kSmallFileBytesMax = 64 * 1024;
/// About a second a streamed answer, so that many are under way whenever something is cut.
constexpr std::string_view kBehaviour =
    R"({"answer_bytes":700,"chunk_bytes":24,"chunks_per_write":1,"chunk_delay_ms":32})";

std::optional<std::uint16_t> port_of(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || stop != end || port == 0) return std::nullopt;
  return port;
}

std::string first_line(const fs::path& path) {
  const auto text = read_file(path, kSmallFileBytesMax);
  if (!text || text->find('\n') == std::string::npos) return {};
  return text->substr(0, text->find('\n'));
}

std::string last_lines(const fs::path& log) {
  std::error_code error;
  const auto size = fs::file_size(log, error);
  if (error || size == 0) return "it wrote nothing";
  std::ifstream file(log, std::ios::binary);
  file.seekg(size > 600 ? static_cast<std::streamoff>(size - 600) : 0);
  return printable(std::string(std::istreambuf_iterator<char>(file), {}));
}

std::string listen_at(std::uint16_t port) {
  return fmt::format("127.0.0.1:{}", port);
}

}  // namespace

Status write_file(const fs::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return fail(Errc::unavailable, path.string() + ": cannot be written");
  return {};
}

DemoStage::DemoStage(const DemoOptions& options, net::Scope& scope, Random& random)
    : options_(options), scope_(scope) {
  for (const char* tenant : {"acme", "umbrella", "initech"}) {
    std::array<std::byte, 32> secret{};
    random.fill(secret);
    keys_[tenant] = "ck-" + codec::to_base64url(secret);
  }
}

Status DemoStage::prepare() {
  std::error_code error;
  if (fs::exists(out(), error) && !fs::is_empty(out(), error)) {
    if (!fs::exists(out() / kMarker, error)) {
      return fail(Errc::conflict,
                  fmt::format("{}: holds files that no demo made; give --out another directory",
                              out().string()));
    }
    fs::remove_all(out(), error);
  }
  fs::create_directories(work(), error);
  if (error) return fail(Errc::unavailable, out().string() + ": cannot be made");
  fs::permissions(work(), fs::perms::owner_all, error);
  return write_file(out() / kMarker, "Made by `cordon demo`, which may remove all of this.\n");
}

net::Task<Done> DemoStage::start_vendors() {
  CORDON_CO_CHECK(inbox_.open(scope_.loop()));
  for (const char* vendor : {"vendor-large", "vendor-small"}) {
    std::string name = vendor;
    const std::uint64_t seed = options_.seed + vendors_.size();
    const auto port = co_await start_vendor(std::move(name), seed);
    if (!port) co_return tl::make_unexpected(port.error());
    vendor_ports_[vendor] = *port;
  }
  co_return Done{};
}

net::Task<Answer<std::uint16_t>> DemoStage::start_vendor(std::string name, std::uint64_t seed) {
  const std::vector<std::string> words{options_.executable,
                                       "sim",
                                       "--seed",
                                       std::to_string(seed),
                                       "--behaviour",
                                       std::string(kBehaviour),
                                       "--leaks",
                                       fs::absolute(leaks_file())};
  const fs::path log = work() / (name + ".log");
  CORDON_CO_TRY(Child child, Child::start(words, log));
  const auto placed = vendors_.insert_or_assign(name, std::move(child)).first;
  const MonoTime until = scope_.loop().now() + kStartWithin;
  while (scope_.loop().now() < until && !placed->second.ended()) {
    if (const auto port = port_of(first_line(log))) co_return *port;
    CORDON_CO_CHECK(co_await net::sleep(scope_, kLookAgain));
  }
  co_return fail(Errc::unavailable, fmt::format("{} did not start: {}", name, last_lines(log)));
}

Status DemoStage::write_config() const {
  std::string text = fmt::format(
      "node: demo-1\n"
      "listen:\n"
      "  gateway: \"{}\"\n"
      "  control: \"{}\"\n"
      "journal:\n"
      "  segment_bytes: 16MiB\n"
      "providers:\n",
      listen_at(gateway_port_), listen_at(control_port_));
  for (const auto& [vendor, port] : vendor_ports_) {
    text += fmt::format("  - name: {}\n    base_url: \"http://127.0.0.1:{}/v1\"\n", vendor, port);
  }
  text +=
      "routes:\n"
      "  - name: support\n"
      "    targets:\n"
      "      - {provider: vendor-large, model: vendor-large}\n"
      "    fallback:\n"
      "      - {provider: vendor-small, model: vendor-small}\n"
      "    mode: standard\n"
      "    capture: on\n"
      "  - name: billing\n"
      "    targets:\n"
      "      - {provider: vendor-small, model: vendor-small}\n"
      "    mode: standard\n"
      "updates: {approver: ben}\n"
      "connectors:\n";
  for (const char* audience : {"engineering", "product", "support", "legal", "customer"}) {
    text += fmt::format(
        "  - {{name: {0}, kind: webhook, url: \"http://127.0.0.1:{1}/{0}\", audiences: [{0}]}}\n",
        audience, inbox_.port());
  }
  text += "tenants:\n";
  for (const auto& [tenant, key] : keys_) {
    text += fmt::format("  - name: {}\n    key_sha256: [{}]\n    routes: [support, billing]\n",
                        tenant, crypto::hex(crypto::sha256(key)));
  }
  return write_file(out() / "cordon.yaml", text);
}

net::Task<Done> DemoStage::start_node() {
  CORDON_CO_CHECK(write_config());
  const fs::path addresses = work() / "addresses.json";
  std::error_code ignored;
  fs::remove(addresses, ignored);
  const std::vector<std::string> words{options_.executable,
                                       "serve",
                                       "--config",
                                       fs::absolute(out() / "cordon.yaml"),
                                       "--data",
                                       fs::absolute(work() / "data"),
                                       "--admin-token-file",
                                       fs::absolute(work() / "admin.token"),
                                       "--addresses-file",
                                       fs::absolute(addresses)};
  CORDON_CO_TRY(Child child, Child::start(words, work() / "node.log"));
  node_.emplace(std::move(child));
  const auto ready = co_await wait_ready();
  if (!ready) co_return tl::make_unexpected(ready.error());
  if (admin_token_.empty()) admin_token_ = first_line(work() / "admin.token");
  if (admin_token_.empty()) {
    co_return fail(Errc::unavailable, "the node wrote no admin token at its first start");
  }
  co_return Done{};
}

Status DemoStage::read_addresses() {
  CORDON_TRY(const std::string text, read_file(work() / "addresses.json", kSmallFileBytesMax));
  CORDON_TRY(const codec::Json json, codec::parse_json(text));
  const auto gateway = port_of(show(json, "gateway"));
  const auto control = port_of(show(json, "control"));
  if (!gateway || !control) return fail(Errc::corrupt, "the node's addresses cannot be read");
  gateway_port_ = *gateway;
  control_port_ = *control;
  return {};
}

net::Task<Done> DemoStage::wait_ready() {
  const MonoTime until = scope_.loop().now() + kStartWithin;
  while (scope_.loop().now() < until && !node_->ended()) {
    CORDON_CO_CHECK(co_await net::sleep(scope_, kLookAgain));
    if (!read_addresses()) continue;
    DemoControl control(scope_.loop(), control_port_);
    std::string method = "GET";
    std::string target = "/readyz";
    std::string none;
    std::string nothing;
    const auto answer = co_await control.text(std::move(method), std::move(target), std::move(none),
                                              std::move(nothing));
    if (answer) co_return Done{};
  }
  co_return fail(Errc::unavailable,
                 fmt::format("the node did not become ready: {}", last_lines(work() / "node.log")));
}

net::Task<Answer<pid_t>> DemoStage::kill_node() {
  const pid_t pid = node_->pid();
  node_->signal(SIGKILL);
  const std::chrono::milliseconds within = kStopWithin;
  const auto code = co_await wait_for(scope_, *node_, within);
  if (!code) co_return tl::make_unexpected(Failure(code.error()));
  node_.reset();
  co_return pid;
}

net::Task<Done> DemoStage::stop_node() {
  node_->signal(SIGTERM);
  const std::chrono::milliseconds within = kStopWithin;
  const auto code = co_await wait_for(scope_, *node_, within);
  node_.reset();
  if (!code) co_return tl::make_unexpected(Failure(code.error()));
  if (*code != 0) {
    co_return fail(Errc::unavailable, fmt::format("the node ended with exit code {}: {}", *code,
                                                  last_lines(work() / "node.log")));
  }
  co_return Done{};
}

net::Task<void> DemoStage::close_inbox() {
  co_await inbox_.close();
}

void DemoStage::kill_all() noexcept {
  node_.reset();
  vendors_.clear();
}

void DemoStage::clean() noexcept {
  std::error_code ignored;
  fs::remove_all(work(), ignored);
}

std::uint16_t DemoStage::vendor_port(std::string_view vendor) const {
  const auto found = vendor_ports_.find(vendor);
  CORDON_ASSERT(found != vendor_ports_.end());
  return found->second;
}

const std::string& DemoStage::key_of(std::string_view tenant) const {
  const auto found = keys_.find(tenant);
  CORDON_ASSERT(found != keys_.end());
  return found->second;
}

}  // namespace cordon::cli::internal
