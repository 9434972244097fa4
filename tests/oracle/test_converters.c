/* test_converters.c - code ranges, rounding and clipping of the ADCs, slices of the DAC. */
#include <stdint.h>

#include "adc/adc.h"
#include "cell_bench.h"
#include "harness.h"
#include "dac/dac.h"
#include "numbers.h"

static const MhoDescriptor *find(const MhoRegistry *registry, const char *name)
{
    MhoError error = {0};
    const MhoDescriptor *model = mho_registry_find(registry, name, &error);
    ck_assert_msg(model != NULL, "%s", error.text);
    return model;
}

/* 2^b - 1 signed codes around an exact zero, 2^b unsigned ones; all limits below 2^31. */
TEST(code_ranges)
{
    const MhoAdcModel *adc = (const MhoAdcModel *)find(&mho_adc_registry, "uniform");
    void *params = params_new(&adc->descriptor);
    for (int b = 1; b <= MHO_ADC_MAX_BITS; b++) {
        MhoAdcCodes plus, both;
        double relative;
        param_put(&adc->descriptor, params, "bits", b);
        ck_assert_int_eq(adc->bits(params), b);
        plus = adc->codes(params, false);
        both = adc->codes(params, true);
        relative = b <= 24 ? 0.0 : ldexp(1.0, -24); /* floats are coarser than codes above 24 bits */
        ck_assert(plus.low == 0.0F && both.low == -both.high);
        ck_assert(both.high <= 2147483520.0F && plus.high <= 2147483520.0F);
        assert_close((double)both.high, ldexp(1.0, b - 1) - 1.0, relative, "signed codes");
        assert_close((double)plus.high, ldexp(1.0, b < 32 ? b : 31) - 1.0, relative, "unsigned codes");
        ck_assert((double)both.high <= ldexp(1.0, b - 1) - 1.0);
    }
    free(params);
}

/* The uniform converter rounds half to even, clips at its range and counts the clips. */
TEST(rounds_half_to_even_and_counts_clips)
{
    static const float y[12] = {0.0F, 0.5F, 1.5F, 2.5F, -0.5F, -1.5F, 7.4F, 7.6F, -7.4F, -7.6F, 1e9F, -1e9F};
    static const int32_t expected_signed[12] = {0, 0, 2, 2, 0, -2, 7, 7, -7, -7, 7, -7};
    static const int32_t expected_unsigned[12] = {0, 0, 2, 2, 0, 0, 7, 8, 0, 0, 15, 0};
    const MhoAdcModel *adc = (const MhoAdcModel *)find(&mho_adc_registry, "uniform");
    void *params = params_new(&adc->descriptor);
    float twice[12];
    int32_t code[12];
    for (size_t i = 0; i < 12; i++)
        twice[i] = 2.0F * y[i];
    param_put(&adc->descriptor, params, "bits", 4);
    ck_assert_uint_eq(adc->convert(params, NULL, true, 3, 4, twice, 0.5F, code), 4);
    ck_assert_mem_eq(code, expected_signed, sizeof code);
    ck_assert_uint_eq(adc->convert(params, NULL, false, 4, 3, twice, 0.5F, code), 5);
    ck_assert_mem_eq(code, expected_unsigned, sizeof code);
    free(params);
}

/* The ideal converter rounds and never clips. */
TEST(ideal_only_rounds)
{
    static const float y[6] = {0.5F, 1.5F, -2.5F, 8388607.0F, -16777216.0F, 2147483520.0F};
    static const int32_t expected[6] = {0, 2, -2, 8388607, -16777216, 2147483520};
    const MhoAdcModel *adc = (const MhoAdcModel *)find(&mho_adc_registry, "ideal");
    int32_t code[6];
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        ck_assert_uint_eq(adc->convert(NULL, NULL, is_signed != 0, 2, 3, y, 1.0F, code), 0);
        ck_assert_mem_eq(code, expected, sizeof code);
    }
    ck_assert_int_eq(adc->bits(NULL), 32);
}

/* The amplitude converter passes its codes in one slice and refuses too many. */
TEST(amplitude_has_one_slice)
{
    static const uint8_t codes[4] = {0, 1, 14, 15};
    const MhoDacModel *dac = (const MhoDacModel *)find(&mho_dac_registry, "amplitude");
    void *params = params_new(&dac->descriptor);
    MhoDacSlices slices;
    MhoError error = {0};
    uint8_t out[4] = {9, 9, 9, 9};
    ck_assert(dac->plan(params, 15, &slices, &error) == MHO_OK);
    ck_assert(slices.n == 1 && slices.full[0] == 15 && slices.weight[0] == 1);
    dac->slice(params, &slices, 0, 4, codes, out);
    ck_assert_mem_eq(out, codes, 4);
    ck_assert(dac->plan(params, 255, &slices, &error) == MHO_OK && slices.full[0] == 255);
    ck_assert(dac->plan(params, 256, &slices, &error) == MHO_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "amplitude.bits"));
    ck_assert(dac->plan(params, 0, &slices, &error) == MHO_USAGE);
    ck_assert(!dac->bipolar(params));
    free(params);
}
