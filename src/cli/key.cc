#include "cli/internal/session.h"
#include "codec/base64.h"
#include "crypto/sha256.h"

#include <array>

namespace cordon::cli::internal {
namespace {

Done make(Session& session, const Values&) {
  std::array<std::byte, 32> secret{};
  session.environment().random.fill(secret);
  const std::string key = "ck-" + codec::to_base64url(secret);
  const std::string hash = crypto::hex(crypto::sha256(key));
  if (session.json()) {
    session.print_line(codec::write_json({{"key", key}, {"key_sha256", hash}}));
    return {};
  }
  session.print_line(fmt::format("key     {}\nsha256  {}", key, hash));
  session.note(
      "The key is shown this once: give it to the application. The sha256 goes under "
      "tenants[].key_sha256 in cordon.yaml.");
  return {};
}

}  // namespace

std::vector<Command> key_commands() {
  return {{.path = "key new",
           .summary = "Make a tenant's key and the hash that the configuration keeps",
           .example = "key new --json",
           .reach = Reach::local,
           .parameters = {{Form::flag, Presence::optional, "json", "", "print an object"}},
           .run = make}};
}

}  // namespace cordon::cli::internal
