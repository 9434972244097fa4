/* */
#include "harness.h"
TEST(x){}
