// A chunked body decodes the same whole or in pieces: same bytes, same end, same refusal. The
// first byte sizes the pieces.
#include "net/http1.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace cordon::net;

void require(bool claim) {
  if (!claim) std::abort();
}

struct Outcome {
  std::string body;
  std::size_t consumed = 0;
  bool done = false;
  std::string_view error;
  bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string_view bytes, std::size_t step) {
  ChunkedDecoder decoder;
  Outcome out;
  while (out.consumed < bytes.size() && !decoder.done() && !decoder.failed()) {
    std::string piece(bytes.substr(out.consumed, step));
    const ChunkedDecoder::Step taken = decoder.decode(piece);
    require(taken.produced <= taken.consumed && taken.consumed <= piece.size());
    require(taken.consumed == piece.size() || decoder.done() || decoder.failed());
    out.body.append(piece, 0, taken.produced);
    out.consumed += taken.consumed;
  }
  out.done = decoder.done();
  if (decoder.failed()) out.error = decoder.error().reason;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = decode(bytes, bytes.size());
  require(whole == decode(bytes, 1));
  require(whole == decode(bytes, std::size_t{data[0]} + 2));
  return 0;
}
