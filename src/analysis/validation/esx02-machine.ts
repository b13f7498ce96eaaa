/** Waldspurger 2002: a PC with Pentium III at 800 MHz for most figures; the profile at hand is of one at 733 MHz. */
export const MACHINE = "piii-733-waldspurger02";
export const SOURCE = "Waldspurger 2002, Memory Resource Management in VMware ESX Server";
