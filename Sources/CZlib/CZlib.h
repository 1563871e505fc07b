// zlib, and a Swift-callable name for the deflateInit2 macro.
#pragma once
#include <zlib.h>

static inline int ns_deflate_init_gzip(z_stream *stream, int level) {
  return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
