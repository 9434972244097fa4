/* test_train_parts.c - loss with its gradient, optimizer, augmentation, batches. */
#include "support/train_sample.h"

static MhoError error;

enum { N = 4, K = 5 };

static const uint8_t labels[N] = {0, 4, 2, 2};

static void draw_logits(uint64_t seed, float *logits)
{
    const MhoStream stream = {.seed = seed, .noise = 2.0F};
    mho_normal_fill(stream, MHO_DRAW_TEST, N * K, logits);
}

/* Cross entropy and Kullback-Leibler divergence as in the papers, by libm. */
static double reference_loss(const MhoLoss *loss, const float *logits, const float *teacher)
{
    double sum = 0.0;
    for (int i = 0; i < N; i++) {
        double z = 0.0, z_t = 0.0, z_teacher = 0.0, label = 0.0, soft = 0.0;
        for (int k = 0; k < K; k++) {
            z += exp((double)logits[i * K + k]);
            z_t += exp((double)logits[i * K + k] / loss->temperature);
            z_teacher += exp((double)teacher[i * K + k] / loss->temperature);
        }
        for (int k = 0; k < K; k++) {
            const double q = (k == labels[i] ? 1.0 - loss->label_smoothing : 0.0) + loss->label_smoothing / K;
            const double p = exp((double)teacher[i * K + k] / loss->temperature) / z_teacher;
            label -= q * ((double)logits[i * K + k] - log(z));
            soft += p * (log(p) - ((double)logits[i * K + k] / loss->temperature - log(z_t)));
        }
        sum += (1.0 - loss->distill) * label + loss->distill * loss->temperature * loss->temperature * soft;
    }
    return sum / N;
}

static const MhoLoss losses[] = {{0.0, 0.0, 1.0}, {0.1, 0.0, 1.0}, {0.0, 1.0, 1.0}, {0.05, 0.6, 3.0}};
enum { N_LOSSES = sizeof losses / sizeof *losses };

/* The loss is the formula of the papers, with and without smoothing and teacher. */
TEST_LOOP(test_loss_is_the_formula, 0, N_LOSSES)
{
    const MhoLoss *loss = &losses[_i];
    float logits[N * K], teacher[N * K];
    size_t hits, expected = 0;
    draw_logits(1, logits);
    draw_logits(2, teacher);
    const double value = mho_loss(loss, N, K, logits, labels, teacher, NULL, &hits);
    ck_assert_double_eq_tol(value, reference_loss(loss, logits, teacher), 1e-12);
    for (int i = 0; i < N; i++) {
        int best = 0;
        for (int k = 1; k < K; k++)
            best = logits[i * K + k] > logits[i * K + best] ? k : best;
        expected += best == labels[i];
    }
    ck_assert_uint_eq(hits, expected);
}

/* The gradient of the loss is its finite difference. */
TEST_LOOP(test_loss_gradient_by_differences, 0, N_LOSSES)
{
    const MhoLoss *loss = &losses[_i];
    const float h = 1.0F / 1024.0F;
    float logits[N * K], teacher[N * K], gradient[N * K];
    size_t hits;
    draw_logits(3, logits);
    draw_logits(4, teacher);
    (void)mho_loss(loss, N, K, logits, labels, teacher, gradient, &hits);
    for (int i = 0; i < N * K; i++) {
        const float kept = logits[i];
        logits[i] = kept + h;
        const double above = mho_loss(loss, N, K, logits, labels, teacher, NULL, &hits), x_above = (double)logits[i];
        logits[i] = kept - h;
        const double below = mho_loss(loss, N, K, logits, labels, teacher, NULL, &hits), x_below = (double)logits[i];
        logits[i] = kept;
        ck_assert_double_eq_tol((double)gradient[i], (above - below) / (x_above - x_below), 1e-6);
    }
}

/* A teacher moves the gradient towards its own logits. */
TEST(test_distillation_pulls_to_the_teacher)
{
    float logits[N * K], gradient[N * K];
    size_t hits;
    const MhoLoss soft = {.distill = 1.0, .temperature = 2.0};
    draw_logits(5, logits);
    ck_assert_double_eq_tol(mho_loss(&soft, N, K, logits, labels, logits, gradient, &hits), 0.0, 1e-12);
    for (int i = 0; i < N * K; i++)
        ck_assert_float_eq_tol(gradient[i], 0.0F, 1e-7F); /* the teacher itself has nothing to learn */
}

/* Logits far out of range give a finite loss and gradient. */
TEST(test_large_logits_stay_finite)
{
    float logits[N * K] = {0}, gradient[N * K];
    size_t hits;
    logits[1] = 30000.0F;
    const double value = mho_loss(&losses[3], N, K, logits, labels, logits, gradient, &hits);
    ck_assert(isfinite(value));
    ck_assert_double_ge(value, 0.4 * 0.95 * 30000.0 / N);
    for (int i = 0; i < N * K; i++)
        ck_assert(isfinite(gradient[i]));
}

/* Two steps by hand: m = 1/2, rate = 1/4, decay = 1/8, w = 2, g = 1 then -1.
 *   g' = 1.25,     v = 1.25,     w = 2 - (1.25 + 0.625) / 4 = 1.53125
 *   g' = -0.80859375, v = -0.18359375, w = 1.53125 + (0.80859375 + 0.091796875) / 4 = 1.75634765625 */
TEST(test_optimizer_by_hand)
{
    float value = 2.0F, velocity = 0.0F, gradient = 1.0F;
    mho_sgd_update(1, 0.25F, 0.5F, 0.125F, &gradient, &velocity, &value);
    ck_assert_float_eq(velocity, 1.25F);
    ck_assert_float_eq(value, 1.53125F);
    gradient = -1.0F;
    mho_sgd_update(1, 0.25F, 0.5F, 0.125F, &gradient, &velocity, &value);
    ck_assert_float_eq(velocity, -0.18359375F);
    ck_assert_float_eq(value, 1.75634765625F);
}

/* Forward and backward of the sample's net in `stage`, then one optimizer step with a gradient of zero. */
static MhoNet *net_of_stage(Sample *sample, const char *stages)
{
    strcpy(sample->train.stages, stages);
    sample->train.learning_rate = sample->train.quant_learning_rate = 0.0;
    must(sample_run(sample), &sample->error);
    return sample->net;
}

/* Weight decay shrinks weights and leaves every other array alone. */
TEST(test_decay_acts_on_weights_only)
{
    Sample sample;
    MhoOptimizer optimizer;
    MhoFakeQuant *pass;
    float logits[10 * SAMPLE_CLASSES], zero[10 * SAMPLE_CLASSES] = {0};
    sample_open(&sample);
    MhoNet *net = net_of_stage(&sample, "float:1 4/4:1 fq:1"), *before;
    must(mho_net_copy(net, &before, &error), &error);
    must(mho_optimizer_create(net, &sample.train, &optimizer, &error), &error);
    must(mho_fakequant_create(net, 10, true, &pass, &error), &error);
    must(mho_fakequant_forward(pass, sample.training.images, true, logits, &error), &error);
    must(mho_fakequant_backward(pass, zero, &error), &error);
    must(mho_optimizer_step(&optimizer, pass, 0.5, &error), &error);
    size_t decayed = 0, kept = 0;
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++) {
            const MhoNodeArray *now = &net->nodes[i].arrays[a], *old = &before->nodes[i].arrays[a];
            const bool is_weight = strcmp(now->name, "weight") == 0;
            for (size_t k = 0; k < now->n; k++) {
                const float factor = is_weight ? 1.0F - 0.5F * 1.9F * (float)sample.train.weight_decay : 1.0F;
                ck_assert_float_eq_tol(now->value[k], old->value[k] * factor, fabsf(old->value[k]) * 1e-6F + 1e-30F);
            }
            *(is_weight ? &decayed : &kept) += now->n;
        }
    ck_assert_uint_gt(decayed, 0);
    ck_assert_uint_gt(kept, 0); /* scales, shifts, biases */
    mho_fakequant_destroy(pass);
    mho_optimizer_destroy(&optimizer);
    mho_net_destroy(before);
    sample_close(&sample);
}

/* The step of a shift, in values, is the one of a bias: rate * dL/dvalue, whatever the accumulator's unit. */
TEST(test_shift_learns_like_a_bias)
{
    Sample sample;
    MhoOptimizer optimizer;
    MhoFakeQuant *pass;
    float logits[10 * SAMPLE_CLASSES], d_logits[10 * SAMPLE_CLASSES];
    const MhoLoss loss = {.temperature = 1.0};
    size_t hits;
    sample_open(&sample);
    sample.train.momentum = 0.0;
    MhoNet *net = net_of_stage(&sample, "float:1 4/4:1 fq:1");
    must(mho_optimizer_create(net, &sample.train, &optimizer, &error), &error);
    must(mho_fakequant_create(net, 10, true, &pass, &error), &error);
    must(mho_fakequant_forward(pass, sample.training.images, true, logits, &error), &error);
    (void)mho_loss(&loss, 10, SAMPLE_CLASSES, logits, sample.training.labels, NULL, d_logits, &hits);
    must(mho_fakequant_backward(pass, d_logits, &error), &error);
    MhoNode *conv = &net->nodes[mho_net_find(net, "conv1")];
    const MhoNodeArray *shift = mho_node_array(conv, MHO_ARRAY_SHIFT);
    const size_t at = (size_t)(shift - conv->arrays), k = 1;
    const double unit =
        exp((double)mho_node_values(conv, MHO_ARRAY_LOG_SCALE)[k]) / 7.0 / 255.0; /* 4-bit weights on pixels */
    const double d_value = (double)mho_fakequant_gradient(pass, (size_t)mho_net_find(net, "conv1"), at)[k] / unit;
    const double old = (double)shift->value[k];
    ck_assert_double_ne(d_value, 0.0);
    must(mho_optimizer_step(&optimizer, pass, 0.01, &error), &error);
    ck_assert_double_eq_tol(((double)shift->value[k] - old) * unit, -0.01 * d_value,
                            1e-2 * fabs(0.01 * d_value)); /* a float of some hundred units */
    mho_fakequant_destroy(pass);
    mho_optimizer_destroy(&optimizer);
    sample_close(&sample);
}

enum { H = 5, W = 6, C = 2 };

/* Where pixel (y, x) of out came from, for a move and a flip; -1: padding. */
static int source_of(int y, int x, int move_y, int move_x, bool mirrored)
{
    const int from_x = (mirrored ? W - 1 - x : x) - move_x, from_y = y - move_y;
    return from_x < 0 || from_x >= W || from_y < 0 || from_y >= H ? -1 : from_y * W + from_x;
}

static bool is_moved(const uint8_t *image, const uint8_t *out, int move_y, int move_x, bool mirrored)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            const int from = source_of(y, x, move_y, move_x, mirrored);
            for (int c = 0; c < C; c++)
                if (out[(y * W + x) * C + c] != (from < 0 ? 0 : image[from * C + c]))
                    return false;
        }
    return true;
}

/* Every augmented image is a moved and maybe mirrored copy, padded with code 0, and all moves occur. */
TEST(test_augmentation_moves_and_mirrors)
{
    const MhoAugment augment = {.h = H, .w = W, .c = C, .crop = 2, .flip = true, .seed = 3, .epoch = 9};
    uint8_t image[H * W * C], out[H * W * C], again[H * W * C];
    int seen[5][5][2] = {0}, different = 0;
    for (int i = 0; i < H * W * C; i++)
        image[i] = (uint8_t)(i + 1);
    for (uint32_t n = 0; n < 2000; n++) {
        int found = 0;
        mho_augment_image(&augment, image, n, out);
        mho_augment_image(&augment, image, n, again);
        ck_assert_mem_eq(out, again, sizeof out);
        for (int y = -2; y <= 2; y++)
            for (int x = -2; x <= 2; x++)
                for (int m = 0; m < 2; m++)
                    if (is_moved(image, out, y, x, m == 1)) {
                        seen[y + 2][x + 2][m]++;
                        found++;
                    }
        ck_assert_int_eq(found, 1);
    }
    for (int y = 0; y < 5; y++)
        for (int x = 0; x < 5; x++)
            for (int m = 0; m < 2; m++)
                ck_assert_int_gt(seen[y][x][m], 10); /* 40 expected */
    MhoAugment other = augment;
    other.epoch = 10;
    for (uint32_t n = 0; n < 100; n++) {
        mho_augment_image(&augment, image, n, out);
        mho_augment_image(&other, image, n, again);
        different += memcmp(out, again, sizeof out) != 0;
    }
    ck_assert_int_gt(different, 80);
}

/* Without crop and flip an image is not changed. */
TEST(test_no_augmentation_is_the_image)
{
    const MhoAugment augment = {.h = H, .w = W, .c = C, .seed = 3};
    uint8_t image[H * W * C], out[H * W * C];
    for (int i = 0; i < H * W * C; i++)
        image[i] = (uint8_t)(5 * i);
    for (uint32_t n = 0; n < 20; n++) {
        mho_augment_image(&augment, image, n, out);
        ck_assert_mem_eq(out, image, sizeof out);
    }
}

/* The batches of an epoch have each image at most once, in another order every epoch. */
TEST(test_batches_hold_each_image_once)
{
    Sample sample;
    MhoBatches batches;
    uint32_t first[SAMPLE_TRAINING];
    sample_open(&sample);
    sample.train.batch = 30; /* 100 images: ten are left out */
    must(mho_batches_create(&sample.input, &batches, &error), &error);
    ck_assert_uint_eq(batches.n_batches, 3);
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        bool seen[SAMPLE_TRAINING] = {false};
        mho_batches_shuffle(&batches, epoch);
        for (size_t i = 0; i < SAMPLE_TRAINING; i++) {
            ck_assert_uint_lt(batches.order[i], SAMPLE_TRAINING);
            ck_assert(!seen[batches.order[i]]);
            seen[batches.order[i]] = true;
        }
        if (epoch > 0)
            ck_assert_mem_ne(first, batches.order, sizeof first);
        memcpy(first, batches.order, sizeof first);
    }
    mho_batches_fill(&batches, 2);
    for (size_t i = 0; i < 30; i++) {
        const uint32_t from = batches.order[60 + i];
        ck_assert_uint_eq(batches.labels[i], sample.training.labels[from]);
        ck_assert_mem_eq(batches.images + i * 64, sample.training.images + from * 64, 64);
    }
    mho_batches_destroy(&batches);
    sample.train.batch = SAMPLE_TRAINING + 1;
    must_refuse(mho_batches_create(&sample.input, &batches, &error), &error, MHO_USAGE, "train.batch");
    sample_close(&sample);
}
