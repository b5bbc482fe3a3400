#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The leak matrix of leak_matrix_test.sh, over TAP ports.
GT_KIND=tap exec "$(dirname "$0")/leak_matrix_test.sh"
