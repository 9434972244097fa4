/* stop_rule.h - a point stops once the interval of its accuracy is narrow enough.
 *
 * A point is looked at when it has stop.first chips, twice as many, four times as many and so on, and at `repeat`. At
 * each look the Student interval of its mean accuracy has the confidence 1 - 0.05 / looks (Bonferroni), so the
 * probability that any of these intervals misses the mean, the last one included, is at most 5 %, however the point
 * stops; as far as accuracies of chips are normal. What is looked at are the chips 0 .. n - 1, so the number of chips
 * does not depend on threads, order or interruptions.
 */
#ifndef MHO_STUDY_SWEEP_STOP_RULE_H
#define MHO_STUDY_SWEEP_STOP_RULE_H

#include "study/keys/settings.h"
#include "study/sweep/result.h"

typedef struct MhoStopRule {
    double half_width; /* of accuracy, 0..1; 0: points do not stop */
    uint32_t first;    /* chips at the first look */
    uint32_t repeat;   /* chips at most */
} MhoStopRule;

MhoStopRule mho_stop_rule(const MhoSettings *settings);
bool mho_stop_is_on(const MhoStopRule *rule);

/* Confidence of the interval at each look, and of the one that a result states. */
double mho_stop_confidence(const MhoStopRule *rule);

/* Chips that a point of at most n_chips needs: those of the look at which it stops; n_chips where it does not stop or
 * trials before that look are missing. */
uint32_t mho_stop_chips(const MhoStopRule *rule, const MhoTrials *trials, uint64_t point, uint32_t n_chips);

/* Set n_chips of points (n) to the chips that they need. */
void mho_stop_settle(const MhoStopRule *rule, const MhoTrials *trials, MhoPointInfo *points, size_t n);

#endif
