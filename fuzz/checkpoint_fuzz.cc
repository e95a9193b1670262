// Any bytes: what is accepted as a signed note, a head or a verifier key has one spelling, and
// nothing but the published note opens under the published key.
#include "evidence/checkpoint.h"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void require(bool claim) {
  if (!claim) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cordon::evidence;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const VerifierKey key =
      VerifierKey::parse(
          "cordon.example/evidence/log1+875fc1fd+AauAJ9J+A7TVNasL/g6drLyvXW98yNGgY2/3iVeKUMPc")
          .value();

  if (const auto note = parse_note(text)) {
    require(format_note(*note) == text);
    if (const auto head = parse_checkpoint(note->text)) {
      require(format_checkpoint(*head) == note->text);
    }
  }
  if (const auto head = parse_checkpoint(text)) require(format_checkpoint(*head) == text);
  if (const auto read = VerifierKey::parse(text)) require(read->text() == text);
  if (const auto opened = open_checkpoint(text, key)) {
    require(opened->size == 3 && opened->origin == key.name());
  }
  return 0;
}
