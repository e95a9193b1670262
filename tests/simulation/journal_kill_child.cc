// Appends to a journal as fast as it can and writes every acknowledgement to standard output, as
// eight bytes, until it is killed. Argument: the directory.
#include "base/random.h"
#include "journal/journal.h"
#include "tests/simulation/journal_kill_entry.h"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  using namespace cordon;
  if (argc != 2) return 2;
  ::alarm(30);  // should nobody kill it
  journal::SystemDisk disk;
  SystemRandom random;
  const journal::Options options{.dir = argv[1],
                                 .segment_bytes = 256 << 10,
                                 .queue_bytes_max = 128 << 10,
                                 .lazy_window = std::chrono::microseconds(500)};
  const auto journal = journal::Journal::open(options, disk, random);
  if (!journal) std::_Exit(3);  // at once: a leak check would fail under a tracer
  (*journal)->on_durable([](std::uint64_t durable) {
    if (::write(STDOUT_FILENO, &durable, sizeof durable) != sizeof durable) std::_Exit(4);
  });
  for (std::uint64_t at = (*journal)->recovered().entries;;) {
    const auto urgency = at % 7 == 0 ? journal::Urgency::eager : journal::Urgency::lazy;
    const auto sequence = (*journal)->append(journal::test::kill_entry_of(at), urgency);
    if (sequence) {
      ++at;
    } else if (sequence.error().code == Errc::exhausted) {
      ::usleep(100);
    } else {
      ::pause();  // it has failed and is about to abort
    }
  }
}
