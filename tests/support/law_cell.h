/* law_cell.h - a cell whose noise is a simple law, so that a test can compute the noise of an array's output.
 *
 *   g = g_target,  linear = l (0.1 + g),  square = s (0.2 + g^2) (1 + t),  row variance row_linear x + row_square x^2
 * Below g = 0 there is nothing to clip when reads are fresh; frozen noise is clipped at 0 by the array.
 */
#ifndef MHO_TESTS_LAW_CELL_H
#define MHO_TESTS_LAW_CELL_H

#include "cell/cell.h"

typedef struct LawParams {
    double linear, square, row_linear, row_square;
} LawParams;

extern const MhoCellModel law_cell;

#endif
