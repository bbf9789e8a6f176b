export { Deadline, type DeadlineOptions, type Work, sleep, withDeadline } from './deadline.js';
export { Limiter, type LimiterOptions } from './limiter.js';
export { checkRetryPolicy, retry, retryDelayMs, type RetryOptions, type RetryPolicy } from './retry.js';
