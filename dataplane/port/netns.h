// SPDX-License-Identifier: BSD-3-Clause
// Doing something in another network namespace. The calling thread moves there
// and back; what it opened meanwhile (sockets, links) stays usable.
#pragma once

// netns_fd -1 = stay here. 0 with what netns_leave() needs, or negative errno.
int netns_enter(int netns_fd, int *back);

// Back to where the thread was. Ends the process if that is impossible: everything
// that the thread did afterwards would happen in a container.
void netns_leave(int back);
