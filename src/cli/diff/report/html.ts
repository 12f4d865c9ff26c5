export const renderHtml = (_r: unknown, _c: number): string => '';
