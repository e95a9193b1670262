# cordon_embed(api openapi_json src/api/openapi.json): puts the file's bytes into cordon_api, where
# `std::string_view cordon::api::embedded::openapi_json()` answers with them. Declare it where it
# is used. The object is made again when the file changes.
function(cordon_embed module name file)
  set(path ${PROJECT_SOURCE_DIR}/${file})
  set(symbol cordon_embedded_${module}_${name})
  set(source ${PROJECT_BINARY_DIR}/embed/${module}_${name}.cc)
  # The compiler cache does not look into what is included: the digest makes it another source.
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  file(SHA256 ${path} digest)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
// SHA-256 of the file: @digest@
#include <string_view>
asm(R"(
.section .rodata
.hidden @symbol@_begin
.global @symbol@_begin
@symbol@_begin:
.incbin "@path@"
.hidden @symbol@_end
.global @symbol@_end
@symbol@_end:
.byte 0
.previous
)");
extern "C" const char @symbol@_begin[];
extern "C" const char @symbol@_end[];
namespace cordon::@module@::embedded {
std::string_view @name@();
std::string_view @name@() { return {@symbol@_begin, @symbol@_end}; }
}  // namespace cordon::@module@::embedded
]])
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${path})
  target_sources(cordon_${module} PRIVATE ${source})
endfunction()
