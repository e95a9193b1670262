// What `serve` reads before anything runs.
#include "app/canary.h"
#include "app/node.h"
#include "base/log.h"
#include "crypto/sha256.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace cordon::app {
namespace {

constexpr std::size_t kFileBytesMax = 16 * 1024 * 1024;

Result<std::string> read_text(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) {
    return fail(Errc::not_found, fmt::format("{}: {}", path.string(), error.message()));
  }
  if (size > kFileBytesMax) {
    return fail(Errc::exhausted, fmt::format("{}: {} bytes, at most {} are read", path.string(),
                                             size, kFileBytesMax));
  }
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in && !in.eof()) return fail(Errc::unavailable, path.string() + ": cannot be read");
  return text;
}

std::string without_line_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

/// A provider's key. A configured source that gives none is an error: requests would all fail.
Result<std::string> read_key(const model::ProviderConfig& provider) {
  const std::string& name = provider.provider.name;
  if (!provider.key_env.empty()) {
    const char* const value = std::getenv(provider.key_env.c_str());
    if (value == nullptr || *value == '\0') {
      return fail(Errc::not_found,
                  fmt::format("provider {}: the environment variable {} is not set", name,
                              provider.key_env));
    }
    return std::string(value);
  }
  if (provider.key_file.empty()) return std::string();
  CORDON_TRY(std::string text, read_text(provider.key_file));
  std::string key = without_line_end(std::move(text));
  if (key.empty()) {
    return fail(Errc::invalid,
                fmt::format("provider {}: {} holds no key", name, provider.key_file));
  }
  return key;
}

Result<Credentials::Listener> load_listener(const model::Listen& listen) {
  Credentials::Listener listener;
  if (!listen.tls()) return listener;
  CORDON_TRY(const std::string cert, read_text(listen.cert_file));
  CORDON_TRY(const std::string key, read_text(listen.key_file));
  listener.digest = crypto::hex(crypto::sha256(cert + key));
  net::ClientTrust clients;
  if (!listen.client_ca.empty()) {
    CORDON_TRY(const std::string trusted, read_text(listen.client_ca));
    listener.clients = crypto::hex(crypto::sha256(trusted));
    clients.ca_file = listen.client_ca;
    clients.need = listen.client_cert == model::ClientCert::required
                       ? net::ClientTrust::Need::required
                       : net::ClientTrust::Need::optional;
  }
  const net::CertificateFiles own{listen.cert_file, listen.key_file};
  CORDON_TRY(listener.tls, net::Tls::server(own, clients));
  return listener;
}

/// The TLS settings of a provider, noted in `secrets` by the digests of their files.
Result<std::shared_ptr<const net::Tls>> load_provider_tls(const model::ProviderConfig& provider,
                                                          Credentials& secrets) {
  const std::string& name = provider.provider.name;
  const std::string& file = provider.provider.ca_file;
  std::string trusted;
  std::string shown;
  if (!file.empty()) {
    CORDON_TRY(const std::string text, read_text(file));
    trusted = crypto::hex(crypto::sha256(text));
  }
  if (!provider.client_cert.empty()) {
    CORDON_TRY(const std::string cert, read_text(provider.client_cert));
    CORDON_TRY(const std::string key, read_text(provider.client_key));
    shown = crypto::hex(crypto::sha256(cert + key));
  }
  secrets.trusted.emplace(name, std::move(trusted));
  secrets.shown.emplace(name, std::move(shown));
  const net::CertificateFiles own{provider.client_cert, provider.client_key};
  return net::Tls::client(file, own);
}

Status load_access(Loaded& loaded) {
  const auto secrets = std::make_shared<Credentials>();
  CORDON_TRY(secrets->gateway, load_listener(loaded.config.gateway));
  CORDON_TRY(secrets->control, load_listener(loaded.config.control));
  for (const model::ProviderConfig& provider : loaded.config.providers) {
    gateway::ProviderAccess access;
    CORDON_TRY(access.key, read_key(provider));
    if (provider.provider.endpoint.tls) {
      CORDON_TRY(access.tls, load_provider_tls(provider, *secrets));
    }
    secrets->access.emplace(provider.provider.name, std::move(access));
  }
  loaded.secrets = secrets;
  return {};
}

Result<std::string> read_variable(const std::string& connector, const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  if (value != nullptr && *value != '\0') return std::string(value);
  return fail(Errc::not_found,
              fmt::format("connector {}: the environment variable {} is not set", connector, name));
}

/// Addresses and keys that stand in the environment, and the certificates to trust.
Status load_connectors(Loaded& loaded) {
  for (const model::ConnectorConfig& config : loaded.config.connectors) {
    connect::ConnectorOptions options;
    options.name = config.name;
    options.kind = config.kind;
    options.url = config.url;
    options.attempts_max = config.attempts_max;
    options.timeout = config.timeout;
    if (!config.url_env.empty()) {
      CORDON_TRY(options.url, read_variable(config.name, config.url_env));
    }
    if (!config.routing_key_env.empty()) {
      CORDON_TRY(options.routing_key, read_variable(config.name, config.routing_key_env));
    }
    if (options.url.starts_with("https://")) {
      CORDON_TRY(options.tls, net::Tls::client(config.ca_file));
    }
    loaded.connectors.push_back(std::move(options));
  }
  return {};
}

Status add_pack(Loaded& loaded, std::string text, const std::string& file) {
  CORDON_TRY(const auto pack, policy::Rulepack::parse(text, file));
  if (loaded.texts.contains(pack->name)) {
    return fail(Errc::conflict,
                fmt::format("{}: the rulepack {} is loaded twice", file, pack->name));
  }
  loaded.texts.emplace(pack->name,
                       api::LoadedRulepack{pack->version, pack->digest, std::move(text)});
  loaded.packs.emplace(pack->digest, pack);
  return {};
}

bool is_named(const model::Config& config, const std::string& pack) {
  const auto has = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), pack) != names.end();
  };
  return std::any_of(config.routes.begin(), config.routes.end(), [&](const auto& route) {
    return has(route.rulepacks) || (route.fallback_rulepacks && has(*route.fallback_rulepacks));
  });
}

/// Every file, and the built-in packs that a route names unless a file replaces them.
Status load_packs(Loaded& loaded) {
  std::vector<std::filesystem::path> files(loaded.config.rulepacks.files.begin(),
                                           loaded.config.rulepacks.files.end());
  if (!loaded.config.rulepacks.dir.empty()) {
    std::error_code error;
    for (const auto& item :
         std::filesystem::directory_iterator(loaded.config.rulepacks.dir, error)) {
      if (item.path().extension() == ".yaml") files.push_back(item.path());
    }
    if (error) {
      return fail(Errc::not_found,
                  fmt::format("{}: {}", loaded.config.rulepacks.dir, error.message()));
    }
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    CORDON_TRY(std::string text, read_text(file));
    CORDON_CHECK(add_pack(loaded, std::move(text), file.string()));
  }
  for (const policy::BuiltinPack& pack : policy::builtin_packs()) {
    const std::string name = std::filesystem::path(pack.file).stem().string();
    if (loaded.texts.contains(name) || !is_named(loaded.config, name)) continue;
    CORDON_CHECK(add_pack(loaded, std::string(pack.text), std::string(pack.file)));
  }
  std::string canaries = canary_pack(loaded.config);
  if (canaries.empty()) return {};
  put_on_routes(loaded.config);
  CORDON_CHECK(add_pack(loaded, std::move(canaries), "the canary tokens of the configuration"));
  return {};
}

}  // namespace

Result<Loaded> load(const cli::ServeArguments& arguments) {
  std::string text;
  std::string file = "defaults";
  if (!arguments.config_file.empty()) {
    file = arguments.config_file.string();
    CORDON_TRY(text, read_text(arguments.config_file));
  }
  Loaded loaded;
  CORDON_TRY(loaded.config, model::Config::parse(text, file));
  loaded.digest = crypto::hex(crypto::sha256(text));
  if (!arguments.data_dir.empty()) loaded.config.data_dir = arguments.data_dir.string();
  CORDON_CHECK(load_packs(loaded));
  CORDON_CHECK(load_access(loaded));
  CORDON_CHECK(load_connectors(loaded));
  return loaded;
}

Result<api::Reread> ConfigFile::read() const {
  if (arguments_.config_file.empty()) {
    return fail(Errc::conflict, "this node was started without --config, so there is no file");
  }
  CORDON_TRY(Loaded loaded, load(arguments_));
  return api::Reread{std::move(loaded.config), std::move(loaded.texts), std::move(loaded.digest),
                     std::move(loaded.secrets)};
}

}  // namespace cordon::app
