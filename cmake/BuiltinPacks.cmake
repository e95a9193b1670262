# Puts rulepacks/*.yaml into the policy library as text, so that the binary needs no files.
file(GLOB packs CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/rulepacks/*.yaml)
list(SORT packs)
set(entries "")
foreach(pack IN LISTS packs)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${pack})
  get_filename_component(file ${pack} NAME)
  file(READ ${pack} text)
  # Compilers promise 64 KiB to one literal; literals side by side are joined. One a rule.
  string(REPLACE "\n  - id: " "\n)cordon\"\n    R\"cordon(  - id: " text "${text}")
  set(literal "R\"cordon(${text})cordon\"")
  string(APPEND entries "    {\"${file}\", ${literal}},\n")
endforeach()
list(LENGTH packs count)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/builtin_packs.cc CONTENT
"// Made from rulepacks/*.yaml by cmake/BuiltinPacks.cmake.
#include \"policy/rulepack.h\"

#include <array>

namespace cordon::policy {
namespace {
constexpr std::array<BuiltinPack, @count@> kPacks = {{
@entries@}};
}  // namespace

std::span<const BuiltinPack> builtin_packs() noexcept { return kPacks; }
}  // namespace cordon::policy
" @ONLY)
target_sources(cordon_policy PRIVATE ${PROJECT_BINARY_DIR}/generated/builtin_packs.cc)
