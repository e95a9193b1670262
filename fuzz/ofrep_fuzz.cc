// A request about flags, whatever it holds, is read within its bounds or refused with a code.
#include "gateway/internal/ofrep.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cordon::gateway;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto context = read_flag_context(text);
  if (context) {
    if (context->route.size() > 128 || context->use_case.size() > 128) std::abort();
  } else if (context.error().code != "PARSE_ERROR" && context.error().code != "INVALID_CONTEXT") {
    std::abort();
  }
  const std::string path = std::string(kFlagsPath) + "/" + std::string(text);
  const auto key = flag_of_path(path);
  if (key && key->size() > text.size()) std::abort();
  if (text.find('%') == text.npos && key != text) std::abort();
  const std::string listed = std::string(text) + ", \"tag\"";
  if (!matches_etag(listed, "\"tag\"")) std::abort();
  return 0;
}
