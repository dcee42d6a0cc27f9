/* image.c - pictures to PNG. Their bytes are sRGB, and the file says so, for programs that manage colour. */
#include "error.h"
#include "mesh.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

#define MOST_PIXELS 1000000 /* on a side; what libpng itself allows */

#ifdef WHORL_HAVE_PNG
#include <png.h>
#include <setjmp.h>

typedef struct {
    wh_output output;
    int why; /* errno of the write that failed, else 0 */
} image_file;

static void write_bytes(png_structp png, png_bytep bytes, size_t size)
{
    image_file *f = png_get_io_ptr(png);
    if (fwrite(bytes, 1, size, f->output.file) == size)
        return;
    f->why = errno ? errno : EIO;
    png_error(png, "");
}

static void flush_nothing(png_structp png)
{
    (void)png; /* committing flushes */
}

/* libpng's own would print to stderr. What goes wrong is a write, known by then, or memory. */
static void on_error(png_structp png, png_const_charp text)
{
    (void)text;
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png, (void)text;
}

static void write_image(png_structp png, png_infop info, const wh_image *image)
{
    const size_t stride = image->stride ? image->stride : (size_t)image->width * image->channels;
    png_set_IHDR(png, info, image->width, image->height, 8,
                 image->channels == 4 ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_sRGB_gAMA_and_cHRM(png, info, PNG_sRGB_INTENT_PERCEPTUAL);
    png_write_info(png, info);
    for (uint32_t row = 0; row < image->height; row++)
        png_write_row(png, image->pixel + row * stride);
    png_write_end(png, info);
}

static bool encode(image_file *f, const wh_image *image)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info || setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return false;
    }
    png_set_write_fn(png, f, write_bytes, flush_nothing);
    write_image(png, info, image);
    png_destroy_write_struct(&png, &info);
    return true;
}

static wh_status write_png(const wh_image *image, const char *path)
{
    image_file f = {.why = 0};
    if (!wh__output_open(&f.output, path))
        return wh__cannot_write(path);
    if (encode(&f, image))
        return wh__output_commit(&f.output) ? WH_OK : wh__cannot_write(path);
    wh__output_abandon(&f.output);
    if (!f.why)
        return wh__fail(WH_ERR_MEMORY, "%s: memory is short", path);
    errno = f.why;
    return wh__cannot_write(path);
}
#else
static wh_status write_png(const wh_image *image, const char *path)
{
    (void)image;
    return wh__fail(
        WH_ERR_IO, "%s: this whorl was built without libpng (apt-get install libpng-dev, and build whorl again)", path);
}
#endif

static wh_status check_image(const wh_image *image)
{
    if (image->size != sizeof *image)
        return wh__fail(WH_ERR_ARGUMENT, "wh_image_write: image.size is %u (set it to sizeof(wh_image), %zu)",
                        image->size, sizeof *image);
    if (image->width - 1 >= MOST_PIXELS || image->height - 1 >= MOST_PIXELS)
        return wh__fail(WH_ERR_ARGUMENT, "wh_image_write: an image of %u x %u pixels (each side is 1 .. %d)",
                        image->width, image->height, MOST_PIXELS);
    if (image->channels != 3 && image->channels != 4)
        return wh__fail(WH_ERR_ARGUMENT, "wh_image_write: image.channels is %u (3 for RGB, 4 for RGBA)",
                        image->channels);
    if (!image->pixel)
        return wh__fail(WH_ERR_ARGUMENT, "wh_image_write: image.pixel is NULL");
    if (image->stride && image->stride < (size_t)image->width * image->channels)
        return wh__fail(WH_ERR_ARGUMENT, "wh_image_write: image.stride is %zu, less than a row of pixels",
                        image->stride);
    return WH_OK;
}

wh_status wh_image_write(const wh_image *image, const char *path)
{
    if (!image || !path)
        return wh__fail(WH_ERR_ARGUMENT, "wh_image_write: %s is NULL", image ? "path" : "the image");
    const wh_status status = check_image(image);
    if (status != WH_OK)
        return status;
    const size_t length = strlen(path);
    if (length < 5 || strcasecmp(path + length - 4, ".png") != 0)
        return wh__fail(WH_ERR_ARGUMENT, "%s: images are written as .png (change the ending)", path);
    return write_png(image, path);
}
