// The journal as a source of entries: entry n of the journal is leaf n of the tree.
#pragma once

#include "evidence/merkle.h"
#include "journal/reader.h"

namespace cordon::evidence {

/// Reads through one reader of its own. Belongs to one thread.
class JournalEntries final : public EntrySource {
 public:
  explicit JournalEntries(journal::Reader reader) : reader_(std::move(reader)) {}
  [[nodiscard]] Status read(std::uint64_t first, std::uint64_t count, const Visit& visit) override;

 private:
  journal::Reader reader_;
};

}  // namespace cordon::evidence
