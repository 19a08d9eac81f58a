// A PNG file (ISO/IEC 15948) written in one go, with its own small deflate.
#ifndef PNG_H
#define PNG_H

#include <stdint.h>

// png_write stores width × height RGB pixels, three bytes each, row after row.
// It returns 0, or -1 with errno set.
int png_write(const char *path, const uint8_t *rgb, uint32_t width, uint32_t height);

#endif
