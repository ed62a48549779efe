/* build.h - which build this is. Generated at build time (src/base/build_id.cmake). */
#pragma once
extern const char build_id[];       /* 12 hex digits, a hash of the sources */
extern const char build_version[];  /* "0.3.0" */
extern const char build_compiler[]; /* "GNU 12.2.0" */
