#include "evidence/journal_entries.h"

#include <fmt/format.h>

namespace cordon::evidence {

Status JournalEntries::read(std::uint64_t first, std::uint64_t count, const Visit& visit) {
  if (reader_.position() != first) reader_.seek(first);
  for (std::uint64_t i = 0; i < count; ++i) {
    CORDON_TRY(const auto entry, reader_.next());
    if (!entry) return fail(Errc::not_found, fmt::format("entry {} is not durable", first + i));
    CORDON_CHECK(visit(entry->sequence, entry->bytes));
  }
  return {};
}

}  // namespace cordon::evidence
