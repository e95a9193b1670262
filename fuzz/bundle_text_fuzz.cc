// Any bytes as one of the small texts of a bundle: an envelope, bag-info.txt, a manifest line, a
// tar header. What is accepted is written again as the same bytes.
#include "evidence/internal/bag_text.h"
#include "evidence/internal/tar.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool claim) {
  if (!claim) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cordon::evidence::internal;  // NOLINT(google-build-using-namespace)
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto envelope = parse_envelope(text, "875fc1fd")) {
    require(format_envelope(envelope->payload, "875fc1fd", envelope->signature) == text);
  }
  if (const auto info = parse_bag_info(text)) require(format_bag_info(*info) == text);
  if (const auto line = parse_manifest_line(text)) {
    require(manifest_line(line->digest, line->path) == std::string(text) + "\n");
    require(is_safe_path(line->path) && line->path.find("..") != 0);
  }
  if (const auto member = parse_tar_header(text)) {
    require(tar_header(member->path, member->size) == text);
  }
  if (const auto id = peek_entry_id(text)) require(id->size() == 36);
  (void)subject_of(text);
  return 0;
}
