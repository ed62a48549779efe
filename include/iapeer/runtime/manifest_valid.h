/* manifest_valid.h - what a text in a manifest may be. Pure. */
#pragma once
#include <stdbool.h>

/* One line of printable text: it is compared with a screen, or becomes an argument. */
bool manifest_plain(const char *s);
/* "Enter", "C-c", "M-Left", "y": what `send-keys` takes for one key. Never an option. */
bool manifest_key_valid(const char *s);
/* NAME=VALUE, and not a name that this program owns itself. */
bool manifest_env_valid(const char *s);
/* A name of a file that cannot leave its folder, nor be the user's own launch.env. */
bool manifest_file_valid(const char *s);
/* A path that stays below the folder it is appended to. */
bool manifest_below_valid(const char *s);
