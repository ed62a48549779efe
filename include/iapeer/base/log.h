/* log.h - the log, for us (the journal is for users). One line an event, "time level module event
 * key=value". base and pure files do not log above debug: they return errors. Control characters
 * are escaped. */
#pragma once
#include "iapeer/base/attr.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVEL_COUNT };

void log_open(int fd, enum log_level level); /* default: descriptor 2, LOG_WARN */
void log_line(enum log_level level, const char *module, const char *fmt, ...) PRINTF(3, 4);
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
