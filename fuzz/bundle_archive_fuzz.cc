// Any bytes as the archive of a bundle: it is listed or refused; what is listed, written again,
// is the same archive; and without the private key nothing passes as verified.
#include "evidence/internal/tar.h"
#include "evidence/internal/verifier.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace {

namespace internal = cordon::evidence::internal;

void require(bool claim) {
  if (!claim) std::abort();
}

std::string written_again(internal::Bag& bag) {
  std::string tar;
  for (const internal::BagFile& file : bag.files()) {
    tar += internal::tar_header(bag.name() + "/" + file.path, file.size).value();
    tar += internal::content_of(bag, file, file.size).value();
    tar.append(internal::tar_padding(file.size), '\0');
  }
  return tar + std::string(2 * internal::kTarBlock, '\0');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cordon::evidence;  // NOLINT(google-build-using-namespace)
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // Of the published example: nobody here has its private half.
  static const Pinned pinned{
      VerifierKey::parse(
          "cordon.example/evidence/log1+875fc1fd+AauAJ9J+A7TVNasL/g6drLyvXW98yNGgY2/3iVeKUMPc")
          .value(),
      std::nullopt};
  auto opened = internal::open_tar(std::make_unique<internal::MemorySource>(bytes), "fuzz.tar", {});
  require((opened.bag != nullptr) == opened.faults.empty());
  if (opened.bag) require(written_again(*opened.bag) == bytes);
  const Report report = internal::verify_opened(std::move(opened), pinned, {});
  require(!report.ok && !report.faults.empty());
  auto again = internal::open_tar(std::make_unique<internal::MemorySource>(bytes), "fuzz.tar", {});
  const Report unpinned = internal::verify_opened(std::move(again), {}, {});
  require(unpinned.ok == unpinned.faults.empty() && unpinned.trust == Trust::untrusted);
  require(!describe(unpinned).empty());
  return 0;
}
