/* augment.c - random crops of the padded image and mirror images, on raw pixel codes. */
#include <string.h>

#include "kernels/random.h"
#include "train/train_internal.h"

/* One row of the source, moved right by `move` pixels, code 0 where there is none. */
static void shifted_row(const MhoAugment *a, const uint8_t *row, int move, uint8_t *out)
{
    const int from = move < 0 ? -move : 0, to = move > 0 ? move : 0;
    const int n = a->w - from - to;

    memset(out, 0, (size_t)(a->w * a->c));
    if (n > 0)
        memcpy(out + to * a->c, row + from * a->c, (size_t)(n * a->c));
}

static void mirror_row(const MhoAugment *a, uint8_t *row)
{
    for (int x = 0; x < a->w / 2; x++)
        for (int c = 0; c < a->c; c++) {
            uint8_t *left = &row[x * a->c + c], *right = &row[(a->w - 1 - x) * a->c + c];
            const uint8_t kept = *left;

            *left = *right;
            *right = kept;
        }
}

void mho_augment_image(const MhoAugment *augment, const uint8_t *image, uint32_t number, uint8_t *out)
{
    const MhoStream stream = {.seed = augment->seed, .step = augment->epoch, .image = number};
    const uint32_t places = 2 * (uint32_t)augment->crop + 1;
    const int move_y = (int)mho_random_below(stream, MHO_DRAW_AUGMENT, 0, places) - augment->crop;
    const int move_x = (int)mho_random_below(stream, MHO_DRAW_AUGMENT, 1, places) - augment->crop;
    const bool mirrored = augment->flip && mho_random_below(stream, MHO_DRAW_AUGMENT, 2, 2) == 1;
    const size_t row_bytes = (size_t)(augment->w * augment->c);

    for (int y = 0; y < augment->h; y++) {
        uint8_t *to = out + (size_t)y * row_bytes;
        const int from = y - move_y;

        if (from < 0 || from >= augment->h) {
            memset(to, 0, row_bytes);
            continue;
        }
        shifted_row(augment, image + (size_t)from * row_bytes, move_x, to);
        if (mirrored)
            mirror_row(augment, to);
    }
}
