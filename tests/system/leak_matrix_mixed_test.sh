#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The leak matrix of leak_matrix_test.sh, over AF_XDP and TAP ports in turn.
GT_KIND=mixed exec "$(dirname "$0")/leak_matrix_test.sh"
