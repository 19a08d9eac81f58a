// A PNG file (ISO/IEC 15948) written in one go, with its own small deflate.
#ifndef PNG_H
#define PNG_H

#include <stdint.h>
#include <stdio.h>

// png_write writes width × height RGB pixels, three bytes each, row after row.
// It returns 0, or -1 with errno set.
int png_write(FILE *f, const uint8_t *rgb, uint32_t width, uint32_t height);

#endif
