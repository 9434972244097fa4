/* test_pass.c - evaluation against whole-number arithmetic, injected noise, determinism, refusals of
 * net/fakequant/fakequant.h. */
#include <omp.h>

#include "nets.h"

/* Exact sums of one weighted node from the codes that its input stores. */
static void check_sums(const MhoNet *net, const MhoFakeQuant *pass, int node, size_t batch)
{
    MhoError error = {0};
    const MhoNode *self = &net->nodes[node];
    const MhoShape in = net->nodes[self->inputs[0]].shape, out = self->shape;
    const int groups = mho_node_is(self, &mho_layer_dense) ? 1 : mho_node_conv(self)->groups;
    const MhoNodeArray *weight = mho_node_array(&net->nodes[node], MHO_ARRAY_WEIGHT);
    const size_t rows = weight->n / (size_t)out.c;
    int16_t *codes = calloc(weight->n, sizeof *codes);
    int32_t *shift = calloc((size_t)out.c, sizeof *shift);
    const float *x = mho_fakequant_output(pass, (size_t)self->inputs[0]),
                *sums = mho_fakequant_output(pass, (size_t)node);
    must(mho_net_weight_codes(net, node, codes, shift, &error), &error);
    for (size_t n = 0; n < batch; n++, x += in.h * in.w * in.c)
        for (int p = 0; p < out.h * out.w; p++)
            for (int k = 0; k < out.c; k++, sums++) {
                const MhoGather g = naive_gather(net, self, k / (out.c / groups));
                int64_t sum = shift[k];
                for (int r = 0; r < (int)rows; r++) {
                    const int at = naive_source(&g, p, r);
                    sum += at < 0 ? 0 : codes[(size_t)k * rows + (size_t)r] * (int64_t)x[at];
                }
                if ((double)*sums != (double)(float)sum)
                    ck_abort_msg("%s (%zu, %d, %d) is not %lld", self->name, n, p, k, (long long)sum);
            }
    free(codes);
    free(shift);
}

/* Codes of a quantizer from its source's sums and the constants of every executor. */
static void check_codes(const MhoNet *net, const MhoFakeQuant *pass, int node, size_t batch)
{
    MhoError error = {0};
    MhoRequant requant;
    const MhoShape s = net->nodes[node].shape;
    const size_t c = (size_t)s.c, n = batch * (size_t)s.h * (size_t)s.w;
    float *a = calloc(c, sizeof *a), *b = calloc(c, sizeof *b);
    must(mho_net_requant(net, node, a, b, &requant, &error), &error);
    const float *sums = mho_fakequant_output(pass, (size_t)requant.source),
                *codes = mho_fakequant_output(pass, (size_t)node);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < c; k++) {
            const float code = rintf(fmaf(sums[i * c + k], a[k], b[k]));
            ck_assert_float_eq(codes[i * c + k], fminf(fmaxf(code, (float)requant.low), (float)requant.high));
        }
    free(a);
    free(b);
}

/* Every kind of layer on codes; channels 3, 10, 17, 32. */
static MhoNet *quantized_net(void)
{
    MhoNet *net = net_start(10, 9, 3);
    put_conv(net, "conv1", (Conv){.channels = 10, .kernel = 3, .pad = 1, .bits = 8}, "image");
    put_norm(net, "norm1", "conv1");
    put_quantizer(net, "codes1", 4, false, "", "norm1");
    put_conv(net, "conv2", (Conv){.channels = 32, .kernel = 3, .pad = 1, .bits = 2, .groups = 2}, "codes1");
    put_norm(net, "norm2", "conv2");
    put_quantizer(net, "branch", 8, true, "", "norm2");
    put_conv(net, "conv3", (Conv){.channels = 32, .kernel = 1, .bits = 4, .per_tensor = true}, "codes1");
    put_quantizer(net, "shortcut", 8, true, "branch", "conv3");
    net_put(net, "sum", "add", NULL, 0, "branch", "shortcut");
    put_quantizer(net, "codes2", 5, false, "", "sum");
    put_pool(net, "pool", MHO_POOL_MAX, 3, 2, 1, "codes2");
    put_conv(net, "conv4",
             (Conv){.channels = 17, .kernel = 3, .stride = 2, .pad = 1, .bits = 3, .shift = true, .bias = true},
             "pool");
    put_quantizer(net, "codes4", 6, false, "", "conv4");
    put_pool(net, "average", MHO_POOL_GLOBAL, 0, 0, 0, "codes4");
    put_quantizer(net, "pooled", 8, false, "", "average");
    put_dense(net, "logits", (Conv){.channels = 7, .bits = 8, .bias = true}, "pooled");
    net_draw(net);
    return net;
}

/* In evaluation sums, codes and logits are those of whole-number arithmetic. */
TEST(test_evaluation_is_whole_number_arithmetic)
{
    enum { BATCH = 5 };
    MhoError error = {0};
    MhoNet *net = quantized_net();
    uint8_t *images = draw_images(net, BATCH);
    float logits[BATCH * 7], training_logits[BATCH * 7], a[7], b[7];
    MhoFakeQuant *pass, *training;
    MhoRequant requant;
    const int last = (int)net->n_nodes - 1;
    must(mho_fakequant_create(net, BATCH, false, &pass, &error), &error);
    must(mho_fakequant_forward(pass, images, false, logits, &error), &error);
    for (int i = 1; i <= last; i++) {
        if (mho_node_conv(&net->nodes[i]))
            check_sums(net, pass, i, BATCH);
        if (mho_node_fake_quant(&net->nodes[i]))
            check_codes(net, pass, i, BATCH);
    }
    must(mho_net_requant(net, last, a, b, &requant, &error), &error);
    const float *sums = mho_fakequant_output(pass, (size_t)last);
    for (size_t i = 0; i < BATCH * 7; i++)
        ck_assert_float_eq(logits[i], fmaf(sums[i], a[i % 7], b[i % 7]));
    /* a training pass evaluates to the same bytes */
    must(mho_fakequant_create(net, BATCH, true, &training, &error), &error);
    must(mho_fakequant_forward(training, images, false, training_logits, &error), &error);
    ck_assert_mem_eq(logits, training_logits, sizeof logits);
    mho_fakequant_destroy(training);
    mho_fakequant_destroy(pass);
    mho_net_destroy(net);
    free(images);
}

/* Sums up to 800 * 255 * 127 > 2^24 are still those of whole numbers, rounded once. */
TEST(test_sums_beyond_float)
{
    MhoError error = {0};
    MhoNet *net = net_start(20, 20, 2);
    MhoFakeQuant *pass;
    float logits[2 * 3];
    bool beyond = false;
    put_dense(net, "logits", (Conv){.channels = 3, .bits = 8, .shift = true}, "image");
    net_draw(net);
    MhoNodeArray *weight = mho_node_array(&net->nodes[1], MHO_ARRAY_WEIGHT);
    draw(1, weight->n, 0.2F, 0.5F, weight->value);
    uint8_t *images = draw_images(net, 2);
    for (size_t i = 0; i < 1600; i++)
        images[i] |= 0xc1;
    must(mho_fakequant_create(net, 2, false, &pass, &error), &error);
    must(mho_fakequant_forward(pass, images, false, logits, &error), &error);
    check_sums(net, pass, 1, 2);
    for (size_t i = 0; i < 6; i++)
        beyond = beyond || mho_fakequant_output(pass, 1)[i] > 0x1p24F;
    ck_assert(beyond);
    mho_fakequant_destroy(pass);
    mho_net_destroy(net);
    free(images);
}

/* Batch norm folded by hand into float weights gives what running statistics give. */
TEST(test_float_evaluation_is_folded)
{
    enum { BATCH = 2 };
    MhoError error = {0};
    MhoNet *net = net_start(5, 5, 3), *folded = net_start(5, 5, 3);
    MhoFakeQuant *pass, *folded_pass;
    float logits[BATCH * 4], folded_logits[BATCH * 4];
    put_conv(net, "conv", (Conv){.channels = 4, .kernel = 5}, "image");
    put_norm(net, "norm", "conv");
    put_conv(folded, "conv", (Conv){.channels = 4, .kernel = 5, .bias = true}, "image");
    net_draw(net);
    net_draw(folded);
    uint8_t *images = draw_images(net, BATCH);
    for (size_t k = 0; k < 4; k++) {
        const float *gamma = mho_node_values(&net->nodes[2], MHO_ARRAY_GAMMA),
                    *variance = mho_node_values(&net->nodes[2], MHO_ARRAY_VARIANCE);
        const double gain = (double)gamma[k] / sqrt((double)variance[k] + 1e-5);
        for (size_t r = 0; r < 75; r++)
            folded->nodes[1].arrays[0].value[k * 75 + r] =
                (float)(gain * (double)net->nodes[1].arrays[0].value[k * 75 + r]);
        folded->nodes[1].arrays[1].value[k] =
            (float)((double)mho_node_values(&net->nodes[2], MHO_ARRAY_BETA)[k] -
                    gain * (double)mho_node_values(&net->nodes[2], MHO_ARRAY_MEAN)[k]);
    }
    must(mho_fakequant_create(net, BATCH, false, &pass, &error), &error);
    must(mho_fakequant_create(folded, BATCH, false, &folded_pass, &error), &error);
    must(mho_fakequant_forward(pass, images, false, logits, &error), &error);
    must(mho_fakequant_forward(folded_pass, images, false, folded_logits, &error), &error);
    for (size_t i = 0; i < BATCH * 4; i++)
        ck_assert_double_eq_tol((double)logits[i], (double)folded_logits[i], 2e-6);
    mho_fakequant_destroy(pass);
    mho_fakequant_destroy(folded_pass);
    mho_net_destroy(net);
    mho_net_destroy(folded);
    free(images);
}

/* Running statistics: biased batch variance enters unbiased, momentum 0.1; a mean far above the deviation loses
 * nothing. */
TEST(test_running_statistics)
{
    enum { BATCH = 4, POSITIONS = 36 * BATCH };
    MhoError error = {0};
    MhoNet *net = net_start(6, 6, 1);
    MhoFakeQuant *pass;
    float logits[BATCH];
    put_conv(net, "conv", (Conv){.channels = 1, .kernel = 1, .bias = true}, "image");
    put_norm(net, "norm", "conv");
    put_pool(net, "pool", MHO_POOL_GLOBAL, 0, 0, 0, "norm");
    net_draw(net);
    net->nodes[1].arrays[0].value[0] = 255.0F;
    net->nodes[1].arrays[1].value[0] = 30000.0F;
    uint8_t *images = draw_images(net, BATCH);
    double mean = 0.0, spread = 0.0;
    for (size_t i = 0; i < POSITIONS; i++)
        mean += images[i] / (double)POSITIONS;
    for (size_t i = 0; i < POSITIONS; i++)
        spread += (images[i] - mean) * (images[i] - mean) / (POSITIONS - 1.0);
    const double old_mean = (double)mho_node_values(&net->nodes[2], MHO_ARRAY_MEAN)[0];
    const double old_variance = (double)mho_node_values(&net->nodes[2], MHO_ARRAY_VARIANCE)[0];
    must(mho_fakequant_create(net, BATCH, true, &pass, &error), &error);
    must(mho_fakequant_forward(pass, images, true, logits, &error), &error);
    ck_assert_double_eq_tol((double)mho_node_values(&net->nodes[2], MHO_ARRAY_MEAN)[0],
                            0.9 * old_mean + 0.1 * (mean + 30000.0), 1e-3);
    ck_assert_double_eq_tol((double)mho_node_values(&net->nodes[2], MHO_ARRAY_VARIANCE)[0],
                            0.9 * old_variance + 0.1 * spread, 1e-6 * spread);
    mho_fakequant_destroy(pass);
    mho_net_destroy(net);
    free(images);
}

static double deviation(size_t n, const float *noisy, const float *clean)
{
    double mean = 0.0, sum = 0.0;
    for (size_t i = 0; i < n; i++)
        mean += (double)(noisy[i] - clean[i]) / (double)n;
    for (size_t i = 0; i < n; i++)
        sum += ((double)(noisy[i] - clean[i]) - mean) * ((double)(noisy[i] - clean[i]) - mean);
    return sqrt(sum / (double)n);
}

/* Pixel 1 times weight codes: the sums are the noisy codes themselves. */
TEST(test_weight_noise)
{
    enum { K = 60000 };
    static float clean[2 * K], noisy[2 * K];
    const uint8_t images[2] = {1, 1};
    for (int bits = 2; bits <= 8; bits++)
        for (int per_image = 0; per_image < 2; per_image++) {
            MhoError error = {0};
            MhoNet *net = net_start(1, 1, 1);
            MhoFakeQuant *pass;
            MhoFakeQuantNoise noise = {.weight = 0.3, .seed = 4, .step = (uint32_t)bits, .weight_per_image = per_image};
            put_dense(net, "logits", (Conv){.channels = K, .bits = bits}, "image");
            net_draw(net);
            must(mho_fakequant_create(net, 2, !per_image, &pass, &error), &error);
            must(mho_fakequant_forward(pass, images, !per_image, noisy, &error), &error);
            memcpy(clean, mho_fakequant_output(pass, 1), sizeof clean);
            mho_fakequant_set_noise(pass, &noise);
            must(mho_fakequant_forward(pass, images, !per_image, noisy, &error), &error);
            memcpy(noisy, mho_fakequant_output(pass, 1), sizeof noisy);
            ck_assert_double_eq_tol(deviation(K, noisy, clean), 0.3, 0.003);
            ck_assert_int_eq(memcmp(noisy, noisy + K, K * sizeof *noisy) == 0, !per_image);
            mho_fakequant_destroy(pass);
            mho_net_destroy(net);
        }
}

enum { SIDE = 200, NOISE_BATCH = 3, NOISE_N = SIDE * SIDE * NOISE_BATCH };

/* image -> quantizer whose code 1 is pixel 100 -> logits, without and with noise; codes into (NOISE_N) each. */
static void run_noise(int bits, uint8_t pixel, bool training, const MhoFakeQuantNoise *noise, float *clean,
                      float *noisy)
{
    MhoError error = {0};
    MhoNet *net = net_start(SIDE, SIDE, 1);
    MhoFakeQuant *pass;
    float logits[NOISE_BATCH];
    uint8_t *images = malloc(NOISE_N);
    memset(images, pixel, NOISE_N);
    put_quantizer(net, "codes", bits, false, "", "image");
    put_pool(net, "pool", MHO_POOL_GLOBAL, 0, 0, 0, "codes");
    net_draw(net);
    net->nodes[1].arrays[0].value[0] = logf(100.0F / 255.0F * (float)((1 << bits) - 1));
    must(mho_fakequant_create(net, NOISE_BATCH, training, &pass, &error), &error);
    must(mho_fakequant_forward(pass, images, training, logits, &error), &error);
    memcpy(clean, mho_fakequant_output(pass, 1), NOISE_N * sizeof *clean);
    mho_fakequant_set_noise(pass, noise);
    must(mho_fakequant_forward(pass, images, training, logits, &error), &error);
    memcpy(noisy, mho_fakequant_output(pass, 1), NOISE_N * sizeof *noisy);
    mho_fakequant_destroy(pass);
    mho_net_destroy(net);
    free(images);
}

/* Noise of activations has its deviation in LSB, for any bits, in training and evaluation. */
TEST(test_activation_noise)
{
    static float clean[NOISE_N], noisy[NOISE_N];
    for (int bits = 2; bits <= 8; bits++)
        for (int training = 0; training < 2; training++) {
            const MhoFakeQuantNoise noise = {.activation = 0.2, .seed = 8, .step = (uint32_t)bits};
            run_noise(bits, 100, training, &noise, clean,
                      noisy); /* the image's own 0.2 LSB do not reach a rounding edge */
            ck_assert_float_eq(clean[7], 1.0F);
            ck_assert_double_eq_tol(deviation(NOISE_N, noisy, clean), 0.2, 0.002);
        }
}

/* Before rounding: the share of codes that stay is erf(1 / (2 sigma sqrt(2))). */
TEST(test_sum_noise)
{
    static float clean[NOISE_N], noisy[NOISE_N];
    for (int bits = 2; bits <= 8; bits++)
        for (int training = 0; training < 2; training++) {
            const MhoFakeQuantNoise noise = {.sum = 0.4, .seed = 8, .step = (uint32_t)bits};
            double low = 0.1, high = 2.0, kept = 0.0;
            int fractions = 0;
            run_noise(bits, 100, training, &noise, clean, noisy);
            for (size_t i = 0; i < NOISE_N; i++) {
                kept += noisy[i] == clean[i] ? 1.0 / NOISE_N : 0.0;
                fractions += noisy[i] != rintf(noisy[i]);
            }
            ck_assert_int_eq(fractions, 0);
            while (high - low > 1e-6)
                if (erf(1.0 / (sqrt(2.0) * (low + high))) > kept)
                    low = 0.5 * (low + high);
                else
                    high = 0.5 * (low + high);
            ck_assert_double_eq_tol(low, 0.4, 0.004);
        }
}

/* All bytes of a noisy step. */
static void noisy_step(MhoNet *net, const uint8_t *images, int threads, uint32_t step, float *logits, float *gradient)
{
    MhoError error = {0};
    MhoFakeQuant *pass;
    const MhoFakeQuantNoise noise = {.weight = 0.1, .activation = 0.1, .sum = 0.3, .seed = 1, .step = step};
    float *at = gradient;
    omp_set_num_threads(threads);
    must(mho_fakequant_create(net, 4, true, &pass, &error), &error);
    mho_fakequant_set_noise(pass, &noise);
    must(mho_fakequant_forward(pass, images, true, logits, &error), &error);
    must(mho_fakequant_backward(pass, logits, &error), &error);
    for (size_t i = 0; i < net->n_nodes; i++)
        for (size_t a = 0; a < net->nodes[i].n_arrays; a++)
            if (mho_fakequant_gradient(pass, i, a)) {
                memcpy(at, mho_fakequant_gradient(pass, i, a), net->nodes[i].arrays[a].n * sizeof *at);
                at += net->nodes[i].arrays[a].n;
            }
    ck_assert_int_lt(at - gradient, 20000);
    mho_fakequant_destroy(pass);
}

/* A noisy step depends on its number alone, not on the number of threads. */
TEST(test_same_bytes)
{
    static float gradient[4][20000];
    float logits[4][28];
    MhoNet *net = quantized_net();
    uint8_t *images = draw_images(net, 4);
    for (int threads = 1; threads <= 2; threads++) {
        for (uint32_t i = 0; i < 3; i++)
            noisy_step(net, images, threads, i / 2, logits[i], gradient[i]); /* steps 0, 0, 1 */
        ck_assert_mem_eq(logits[0], logits[1], sizeof logits[0]);
        ck_assert_mem_eq(gradient[0], gradient[1], sizeof gradient[0]);
        ck_assert_mem_ne(logits[0], logits[2], sizeof logits[0]);
    }
    mho_net_destroy(net);
    free(images);
}

static void refuses(MhoNet *net, bool training, const MhoFakeQuantNoise *noise, const char *words)
{
    MhoError error = {0};
    MhoFakeQuant *pass = NULL;
    const MhoShape out = net->nodes[net->n_nodes - 1].shape;
    float *logits = calloc(2 * (size_t)out.c, sizeof *logits);
    uint8_t *images = draw_images(net, 2);
    MhoStatus status = mho_fakequant_create(net, 2, training, &pass, &error);
    if (status == MHO_OK) {
        mho_fakequant_set_noise(pass, noise);
        status = mho_fakequant_forward(pass, images, training, logits, &error);
    }
    ck_assert_int_eq(status, MHO_USAGE);
    ck_assert_msg(strstr(error.text, words) != NULL, "'%s' does not say '%s'", error.text, words);
    mho_fakequant_destroy(pass);
    free(logits);
    free(images);
}

/* Impossible requests and unset scales are USAGE errors that name the node. */
TEST(test_refusals)
{
    MhoError error = {0};
    MhoFakeQuant *pass;
    const MhoFakeQuantNoise per_image = {.weight = 0.1, .weight_per_image = true}, negative = {.sum = -1.0};
    const float d_logits[14] = {0};
    MhoNet *net = quantized_net(), *wide = net_start(100, 100, 1), *chained = net_start(4, 4, 1);
    refuses(net, true, &per_image, "evaluation");
    refuses(net, false, &negative, "LSB");
    must(mho_fakequant_create(net, 2, true, &pass, &error), &error);
    ck_assert_int_eq(mho_fakequant_backward(pass, d_logits, &error), MHO_USAGE);
    mho_fakequant_destroy(pass);
    ck_assert_int_eq(mho_fakequant_create(net, 0, true, &pass, &error), MHO_USAGE);
    mho_node_array(&net->nodes[mho_net_find(net, "codes2")], MHO_ARRAY_LOG_SCALE)->value[0] = NAN;
    refuses(net, true, NULL, "codes2");
    mho_node_array(&net->nodes[mho_net_find(net, "conv2")], MHO_ARRAY_LOG_SCALE)->value[1] = NAN;
    refuses(net, true, NULL, "conv2");
    put_dense(wide, "logits", (Conv){.channels = 1, .bits = 8},
              "image"); /* 10000 * 255 * 8 > 2^24: too much even for two planes */
    net_draw(wide);
    for (size_t i = 0; i < 10000; i++)
        wide->nodes[1].arrays[0].value[i] = 1.0F;
    refuses(wide, false, NULL, "2^24");
    put_conv(chained, "conv1", (Conv){.channels = 3, .kernel = 2, .bits = 4}, "image");
    put_dense(chained, "logits", (Conv){.channels = 2, .bits = 4}, "conv1");
    net_draw(chained);
    refuses(chained, false, NULL, "logits");
    mho_net_destroy(net);
    mho_net_destroy(wide);
    mho_net_destroy(chained);
}
