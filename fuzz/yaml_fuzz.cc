// Any bytes: the reader answers with a tree or an error that names the file, never a crash, and
// what it accepts it accepts the same way twice.
#include "codec/yaml.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

std::size_t count(const cordon::codec::YamlNode& node) {
  std::size_t total = 1;
  for (const auto& item : node.items()) total += count(item);
  for (const auto& entry : node.entries()) total += 1 + count(entry.value);
  return total;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto first = cordon::codec::parse_yaml(text, "f.yaml");
  if (!first) {
    if (!first.error().detail.starts_with("f.yaml:")) std::abort();
    return 0;
  }
  const auto second = cordon::codec::parse_yaml(text, "f.yaml");
  if (!second || count(*first) != count(*second)) std::abort();
  return 0;
}
