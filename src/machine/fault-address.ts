/**
 * The processor's register of the faulting address (CR2 of x86), as a virtual page: a page fault that is delivered, to whoever
 * handles it, writes it. One that makes the processor leave a guest does not; its address is in the control block (Intel SDM
 * vol. 3, section 28.1).
 */
export class FaultAddress {
  page = NO_PAGE;
}

/** No fault yet; or one at an address of the kernel's own, of which no virtual page is kept here. */
export const NO_PAGE = -1;
