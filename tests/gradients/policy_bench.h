/* policy_bench.h - one policy under test: its quantizer and its parameters. */
#ifndef MHO_TESTS_POLICY_BENCH_H
#define MHO_TESTS_POLICY_BENCH_H

#include <string.h>

#include "harness.h"
#include "quant/quantizer.h"

static const MhoQuantizer *q;
static _Alignas(8) unsigned char params[MHO_POLICY_PARAMS_MAX];

static inline void open_policy(const char *text)
{
    MhoPolicy policy;
    MhoError error = {0};
    ck_assert_msg(mho_policy_open(text, &policy, &error) == MHO_OK, "%s", error.text);
    q = policy.quantizer;
    memcpy(params, policy.params, sizeof params);
}

#endif
